/** What a review knows: records are folded into facts about each integration and about the gateway, in one pass. */
import { type Finding, recordedFinding } from './finding.ts'
import { addChange, addDenials, addUse, endWindow, forgetCapabilities, type IntegrationFacts, noFacts } from './integration-facts.ts'
import type { LocalTime } from './local-hours.ts'
import { add, ensure, type Place } from './places.ts'

/** A record as it was read. */
type Stored = Readonly<Record<string, unknown>>

/** What the operator did, or had done. */
export interface Act extends Place {
  readonly type: string
  /** Its other members, as text. */
  readonly words: string
}

export interface Start extends Place {
  readonly unsettled: number
}

export interface Facts {
  /** By name; `''` is of callers that did not identify themselves. */
  readonly integrations: Map<string, IntegrationFacts>
  readonly acts: Act[]
  actsBeyond: number
  readonly starts: Start[]
  /** The active revision; `null` where the log has not said. */
  revision: string | null
  /** Of the first record that was read. */
  began: string | null
  /** The index after the last record that was read. */
  next: number
  /** Lines that are not records. */
  unreadable: number
  /** Ids of findings that scheduled reviews have recorded, the newest last. */
  readonly reported: Set<string>
  /** Those of them that were read in the log. */
  readonly recorded: Finding[]
}

export const nothingKnown = (): Facts => ({
  integrations: new Map(),
  acts: [],
  actsBeyond: 0,
  starts: [],
  revision: null,
  began: null,
  next: 0,
  unreadable: 0,
  reported: new Set(),
  recorded: [],
})

const maxActs = 1000
const maxWords = 500
const maxReported = 100_000
const maxRecorded = 10_000

/** What these say is no act, and no check asks for it; most records of a log are `settled`. */
const passedOver = new Set(['settled', 'breaker', 'stopped', 'rejected', 'revoked', 'shadow', 'migrated', 'read', 'reviewed', 'alert'])

/** How each record of the gateway begins: read without parsing the rest. */
const opening = /^\{"seq":\d+,"time":"([^"]{20,30})","type":"([a-z-]+)"/

/** `time`: ISO 8601; `null`: the line is not a record. */
export function openingOf(text: string): { readonly time: string; readonly type: string } | null {
  const [, time, type] = opening.exec(text) ?? []
  return time === undefined || type === undefined ? null : { time, type }
}

/** Takes the next record. */
export function fold(facts: Facts, { index, text }: { readonly index: number; readonly text: string }, local: LocalTime): void {
  facts.next = index + 1
  const begins = openingOf(text)
  if (begins === null) {
    facts.unreadable += 1
    return
  }
  const { time, type } = begins
  facts.began ??= time
  if (passedOver.has(type)) return
  const record = parsed(text)
  if (record === null) facts.unreadable += 1
  else {
    const { id } = record
    foldRecord(facts, type, record, { index, time, ...(typeof id === 'string' && { id }) }, local)
  }
}

function foldRecord(facts: Facts, type: string, record: Stored, place: Place, local: LocalTime): void {
  const of = (name: unknown) => ensure(facts.integrations, typeof name === 'string' ? name : '', () => noFacts(facts.began ?? place.time))
  switch (type) {
    case 'decided':
      foldDecision(of(record['integration']), record, place, local)
      break
    case 'refused':
      foldRefusals(of(record['integration']), place, 1)
      break
    case 'summed': {
      const who = String(record['who'])
      // `peer 192.0.2.1` is no integration.
      foldRefusals(of(who.includes(' ') ? '' : who), place, Number(record['count']))
      break
    }
    case 'difference':
      add(of(record['integration']).shadow, place)
      break
    case 'reference':
      add(of(record['integration']).reference, place)
      break
    case 'started':
      facts.starts.push({ ...place, unsettled: Number(record['unsettled']) })
      if (facts.starts.length > maxActs) facts.starts.shift()
      break
    case 'activated':
      foldActivation(facts, record, place, of)
      if (isByOperator(record)) addAct(facts, type, record, place)
      break
    case 'finding':
      foldFinding(facts, record)
      break
    case 'acted':
      // What was done has records of its own.
      if (record['ok'] !== true) addAct(facts, type, record, place)
      break
    default:
      addAct(facts, type, record, place)
  }
}

function foldFinding(facts: Facts, record: Stored): void {
  const finding = recordedFinding(record)
  if (finding === null || facts.reported.has(finding.id)) return
  addReported(facts, finding.id)
  facts.recorded.push(finding)
  if (facts.recorded.length > maxRecorded) facts.recorded.shift()
}

export function addReported(facts: Facts, id: string): void {
  facts.reported.add(id)
  const [oldest] = facts.reported
  if (facts.reported.size > maxReported && oldest !== undefined) facts.reported.delete(oldest)
}

function foldRefusals(about: IntegrationFacts, place: Place, count: number): void {
  about.refused += count
  addDenials(about, place, count)
}

function foldDecision(about: IntegrationFacts, record: Stored, place: Place, local: LocalTime): void {
  const { allow, kind, subject, capability } = record
  if (allow !== true) {
    about.denied += 1
    addDenials(about, place)
    return
  }
  const use = {
    kind: String(kind),
    subject: isObject(subject) ? subject : {},
    capability: typeof capability === 'string' ? capability : undefined,
  }
  addUse(about, use, place, local.hourOf(place.time))
}

function foldActivation(facts: Facts, record: Stored, place: Place, of: (name: string) => IntegrationFacts): void {
  const revision = String(record['revision'])
  const before = facts.revision
  facts.revision = revision
  const changed = changesOf(record['changed'])
  const { how, by } = record
  for (const [name, parts] of changed) addChange(of(name), { ...place, revision, before, how: String(how), by: String(by), parts })
  // Manifests may have changed while no gateway ran: what the record does not say is not known.
  const isSaid = changed.size > 0 || how !== 'start' || before === revision
  if (!isSaid) for (const about of facts.integrations.values()) forgetCapabilities(about, place.time, ['added'])
}

/** `weather: network, limits; mail: added`, or the same as an object of lists. */
function changesOf(changed: unknown): ReadonlyMap<string, readonly string[]> {
  if (isObject(changed)) return new Map(Object.entries(changed).map(([name, parts]) => [name, [parts].flat().map(String)]))
  if (typeof changed !== 'string' || changed === '') return new Map()
  const named = changed.split('; ').map((text) => text.split(': '))
  return new Map(named.flatMap(([name = '', parts]) => (parts === undefined ? [] : [[name, parts.split(', ')] as const])))
}

function isByOperator({ how, by }: Stored): boolean {
  return how === 'activate' || how === 'rollback' || String(by).startsWith('operator')
}

function addAct(facts: Facts, type: string, record: Stored, place: Place): void {
  const { seq: _seq, time: _time, type: _type, prev: _prev, ...told } = record
  const words = Object.entries(told).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  facts.acts.push({ ...place, type, words: words.join(' ').slice(0, maxWords) })
  if (facts.acts.length <= maxActs) return
  facts.acts.shift()
  facts.actsBeyond += 1
}

/** What has been folded is the baseline of what follows. */
export function beginWindow(facts: Facts): void {
  for (const about of facts.integrations.values()) endWindow(about)
  facts.acts.length = 0
  facts.actsBeyond = 0
  facts.starts.length = 0
}

function parsed(text: string): Stored | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Stored {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
