/** One review: the log is read once, and every check is asked about each integration and about the gateway. */
import type { Json, JsonObject } from '../core/index.ts'
import { readRecords } from '../records/index.ts'
import type { Ask } from './checks.ts'
import { beginWindow, type Facts, fold, nothingKnown, openingOf } from './facts.ts'
import { bySeverity, CheckError, type Finding } from './finding.ts'
import { type Change, type IntegrationFacts, shownFacts } from './integration-facts.ts'
import type { LocalTime } from './local-hours.ts'
import { noRevisions, type Revisions } from './revisions.ts'

export interface ReviewOptions {
  /** The log. */
  readonly folder: string
  /** ISO 8601, UTC: what was before it is the baseline. Without meaning where `known` is given: the window begins where that ended. */
  readonly since: string
  /** ISO 8601, UTC: later records are left out. */
  readonly until: string
  readonly ask: Ask
  readonly local: LocalTime
  readonly revisions?: Revisions
  /** What an earlier review came to know; it is changed. */
  readonly known?: Facts | undefined
}

export interface Reviewed {
  readonly since: string
  readonly until: string
  /** In the window. */
  readonly records: number
  /** Lines of the whole log that are not records. */
  readonly unreadable: number
  readonly findings: readonly Finding[]
  /** By index, ids of requests that findings may name. */
  readonly ids: ReadonlyMap<number, string>
  readonly facts: Facts
}

/** Throws `CheckError`, and what the file system throws. */
export async function review({ folder, since, until, ask, local, revisions = noRevisions, known }: ReviewOptions): Promise<Reviewed> {
  const facts = known ?? nothingKnown()
  let isInWindow = known !== undefined
  if (known !== undefined) beginWindow(facts)
  let records = 0
  for await (const group of readRecords(folder, { from: facts.next }))
    for (const record of group) {
      const time = openingOf(record.text)?.time
      if (time !== undefined && time >= until) continue
      // Once it has begun, a clock that jumps back does not end it.
      if (!isInWindow && time !== undefined && time >= since) {
        isInWindow = true
        beginWindow(facts)
      }
      if (isInWindow) records += 1
      fold(facts, record, local)
    }
  if (!isInWindow) beginWindow(facts)
  const findings: Finding[] = []
  const ids = new Map<number, string>()
  const window = { since, until, day: local.dayOf(until) }
  for await (const { name, about } of subjects(facts, until, revisions)) {
    collectIds(about, ids)
    findings.push(...ask({ version: 1, window, ...about }, name))
  }
  return { since, until, records, unreadable: facts.unreadable, findings: onlyKnown(findings, facts.next).toSorted(bySeverity), ids, facts }
}

interface Subject {
  readonly name: string | null
  readonly about: JsonObject
}

async function* subjects(facts: Facts, until: string, revisions: Revisions): AsyncGenerator<Subject> {
  for (const [name, about] of facts.integrations) {
    const granted = name === '' ? [] : await revisions.granted(facts.revision, name)
    const newlyAllowed = await newlyAllowedOf(name, about, revisions)
    yield { name: name === '' ? null : name, about: { integration: shownFacts(name, about, { until, granted, newlyAllowed }) } }
  }
  const { acts, actsBeyond, starts } = facts
  yield { name: null, about: { gateway: { acts, actsBeyond, starts } as unknown as JsonObject } }
}

async function newlyAllowedOf(name: string, { changes }: IntegrationFacts, revisions: Revisions) {
  const known = new Map<Change, readonly string[] | null>()
  for (const change of changes) known.set(change, await revisions.newlyAllowed(change, name))
  return (change: Change) => known.get(change) ?? null
}

function collectIds(value: Json, ids: Map<number, string>): void {
  if (typeof value !== 'object' || value === null) return
  const { index, id } = value as { readonly index?: Json; readonly id?: Json }
  if (typeof index === 'number' && typeof id === 'string') ids.set(index, id)
  for (const member of Object.values(value)) collectIds(member, ids)
}

/** Throws `CheckError` where a check names a record that there is not. */
function onlyKnown(findings: readonly Finding[], next: number): readonly Finding[] {
  for (const { check, records } of findings)
    if (records.some((index) => index >= next)) throw new CheckError(`the check ${check} names a record that is not in the log`)
  return findings
}
