/** The report of an incident, made from the log: what a review needs, as JSON. */
import type { Incident, IndexedRecord } from './incident.ts'
import { prove } from './proved.ts'
import { questionsOf } from './questions.ts'
import type { IncidentReport, LogBeginning, Revision, SeenDestination } from './report-form.ts'
import { createRequests, type DecisionGroup, type Destination } from './requests.ts'
import { summaryOf } from './summary.ts'
import { createTimeline, type TimelineRow } from './timeline.ts'
import { createTimes, type Moment } from './times.ts'
import { type LogSource, readWindow } from './window.ts'

export interface ReportOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Of records that this reader may not see as they are: then nothing is proved either, because a hash would confirm a guess. */
  readonly mask?: (record: IndexedRecord['record']) => IndexedRecord['record']
  readonly archive?: string | null
}

/** Text of `<index>.tlog-proof` by index. */
export type Proofs = ReadonlyMap<number, string>

const maxDecisions = 300
/** Whose first use is looked for in all of the log. */
const maxLookedUp = 100

export async function reportOf(
  source: LogSource,
  incident: Incident,
  { now, mask, archive = null }: ReportOptions,
): Promise<{ readonly report: IncidentReport; readonly proofs: Proofs }> {
  const { integration, alert } = incident
  const window = { integration, from: Date.parse(incident.from), to: incident.to === null ? now : Date.parse(incident.to) }
  const [requests, timeline, times, revisions] = [createRequests(), createTimeline(), createTimes(alert), [] as Revision[]]
  let records = 0
  let saidAt: unknown = null
  // A containment has a record of what it was before, as logs have had it, behind its own.
  const isSaidBefore = ({ type, time }: IndexedRecord['record']) => {
    if (type === 'containment') saidAt = time
    return (type === 'suspended' || type === 'resumed') && time === saidAt
  }
  for await (const { index, record: read } of readWindow(source, window)) {
    const record = mask === undefined ? read : mask(read)
    records += 1
    if (requests.take({ index, record }, times.isCut())) continue
    if (record['type'] === 'incident' && record['id'] !== incident.id) continue
    times.take({ index, record })
    if (!isSaidBefore(record)) timeline.take({ index, record })
    if (record['type'] === 'activated') revisions.push(revisionOf(index, record))
  }
  const { groups, destinations: touched, ...sums } = requests.figures()
  const destinations = await withFirstUse(touched, source, window)
  const isNew = new Set(destinations.flatMap((found) => (found.isNew === true ? [found.destination] : [])))
  const ofNote = groups.filter((group) => group.decision !== 'allow' || group.problem !== null || isNew.has(group.destination))
  const decisions = ofNote.slice(0, maxDecisions)
  const found = times.times(decisions.map(signOf))
  const rows = inOrder([...timeline.rows(), ...decisions.map(rowOf)])
  const { proved, proofs } =
    mask === undefined
      ? prove(source.log, archive, [...incident.records, ...rows.map(({ record }) => record)])
      : {
          proved: { problem: 'some members of records are hidden from you: nothing is proved', checkpoint: null, records: [] },
          proofs: new Map(),
        }
  const body = {
    ...{ incident, times: found, decisions, moreDecisions: ofNote.length - decisions.length, revisions, timeline: rows },
    window: { from: incident.from, to: new Date(window.to).toISOString(), records, log: await beginningWithin(source, window.from) },
    figures: { ...sums, destinations },
    ...{ moreRecords: timeline.left(), proof: proved },
  }
  return { report: { ...body, summary: summaryOf(body), questions: questionsOf(body) }, proofs }
}

/** `null`: the log goes further back than the window. */
async function beginningWithin({ index }: LogSource, from: number): Promise<LogBeginning | null> {
  const [oldest] = (await index.ask({}, { limit: 1, oldestFirst: true })).entries
  if (oldest === undefined || oldest.time === null || oldest.time < from) return null
  return { time: new Date(oldest.time).toISOString(), record: oldest.index }
}

async function withFirstUse(
  destinations: readonly Destination[],
  { index }: LogSource,
  { integration, from }: { readonly integration: string; readonly from: number },
): Promise<readonly SeenDestination[]> {
  const seen: SeenDestination[] = []
  for (const [at, found] of destinations.entries()) {
    const host = /^(?:lookup:)?([^()/:]+|\[[^\]]+\])(?::\d+)?$/.exec(found.destination)?.[1]
    if (at >= maxLookedUp || host === undefined || /^(?:service|file)$/.test(host)) {
      seen.push({ ...found, isNew: null })
      continue
    }
    const before = await index.ask({ integration: [integration], host: [host], until: from }, { limit: 1 })
    seen.push({ ...found, isNew: before.entries.length === 0 })
  }
  return seen
}

function revisionOf(index: number, { time, revision, previous, how, by, changed }: IndexedRecord['record']): Revision {
  return {
    ...{ time: String(time), record: index, revision: String(revision), how: String(how), by: String(by) },
    previous: typeof previous === 'string' ? previous : null,
    changed: typeof changed === 'string' ? changed : null,
  }
}

function signOf({ firstAt, record, ...group }: DecisionGroup): Moment {
  return { time: firstAt, record, what: `${ended(group)} ${group.destination}` }
}

function rowOf({ firstAt, lastAt, count, record, ...group }: DecisionGroup): TimelineRow {
  const { action, destination, why, sentBytes } = group
  const bytes = sentBytes > 0 ? `, ${sentBytes} bytes sent` : ''
  const what = `${ended(group)} ${action === '' ? '' : `${action} `}${destination} (${why})${bytes}`
  return { time: firstAt, until: count > 1 ? lastAt : null, count, record, type: 'request', who: null, what }
}

function ended({ decision, problem, status }: Pick<DecisionGroup, 'decision' | 'problem' | 'status'>): string {
  if (decision === 'deny') return 'denied'
  if (decision === 'refused') return 'refused'
  return problem === null ? `allowed${status === null ? ', not ended,' : ''}` : `allowed, and ended by ${problem}:`
}

function inOrder(rows: readonly TimelineRow[]): readonly TimelineRow[] {
  return rows.toSorted((a, b) => a.time.localeCompare(b.time) || a.record - b.record)
}
