/** Records of the audit log, passed once more through the observer and the detector: what rules would have found. */
import type { RulesFor, WatchRules } from '../config/index.ts'
import type { AccessRequest, Decision, Integration, Watched, WatchedEnd } from '../core/index.ts'
import { createDetector, createMemoryStore, type Finding, type WatchEvent } from '../detect/index.ts'
import { createObserver } from '../watch/index.ts'

export interface ReplayOptions {
  /** Oldest first; others than those of requests and breakers are passed over. */
  readonly records: AsyncIterable<unknown>
  readonly rules: WatchRules
  readonly rulesFor?: RulesFor
  readonly timeZone: string
  /** Milliseconds since the epoch: what is found in this time is given, and what is before it is learned from. */
  readonly from: number
  readonly to: number
}

/** Records that `replay` can use. */
export const replayedTypes = ['decided', 'refused', 'settled', 'summed', 'breaker'] as const

/** As they are in the log. */
interface Recorded {
  readonly type: string
  readonly time: string
  readonly id: string
  readonly parent?: string
  readonly integration: string | null
  readonly kind: AccessRequest['kind']
  readonly subject: {
    readonly host?: string
    readonly port?: number
    readonly path?: string
    readonly name?: string
    readonly root?: string
    readonly websocket?: boolean
  }
  readonly allow: boolean
  readonly status: number
  readonly problem?: WatchedEnd['problem']
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly durationMs: number
  readonly who: string
  readonly code: NonNullable<WatchedEnd['problem']>
  readonly count: number
  readonly origin: string
  readonly state: string
}

interface Open {
  readonly record: Recorded
  readonly at: number
  /** `null`: refused before a decision. */
  readonly watched: Watched | null
  /** A tunnel that something came through is not counted itself, as it is not when it is live. */
  hasInner: boolean
}

const sliceMs = 1000
/** Requests that a crash kept from being settled are forgotten in the end. */
const maxOpen = 100_000
/** Refusals of one sum that are counted. */
const maxSummed = 100_000

/**
 * Findings, oldest first. Bytes count when their request ended: when they passed is not recorded. Records know no owner. Throws what
 * reading throws.
 */
export async function* replay({ records, rules, rulesFor = {}, timeZone, from, to }: ReplayOptions): AsyncGenerator<Finding> {
  const clock = { at: 0, monotonic: 0 }
  const observer = createObserver({ onFirstUse: () => {}, now: () => clock.at, monotonic: () => clock.monotonic })
  const detector = createDetector({ rules, rulesFor, timeZone, baselines: createMemoryStore() })
  const open = new Map<string, Open>()

  function turnTo(at: number): void {
    clock.monotonic += Math.max(0, at - clock.at)
    clock.at = at
  }

  function* cut(at: number): Generator<Finding> {
    const end = Math.floor(clock.at / sliceMs) * sliceMs + sliceMs
    // Within the same second, or where the clock was set back a little.
    if (at < end && at > end - 2 * sliceMs) return
    // The last second ends with the time that is asked for, and what is found in it is in that time.
    if (clock.at > 0) turnTo(Math.min(end, to - 1))
    for (const slice of observer.cut()) yield* detector.take(slice)
    turnTo(at)
    // What is next begins here: nothing passed in between.
    for (const slice of observer.cut()) yield* detector.take(slice)
  }

  function begin(record: Recorded, at: number): void {
    const { id, kind, integration, subject, allow, parent } = record
    if (open.size >= maxOpen) open.delete(open.keys().next().value ?? '')
    const outer = parent === undefined ? undefined : open.get(parent)
    if (outer !== undefined) outer.hasInner = true
    if (record.type === 'refused') return void open.set(id, { record, at, watched: null, hasInner: false })
    const request = { id, kind, at, integration: named(integration), target: subject } as unknown as AccessRequest
    const watched = observer.decided(request, {
      allow,
      obligations: { tls: kind === 'tunnel' ? 'intercept' : null },
    } as unknown as Decision)
    open.set(id, { record, at, watched, hasInner: false })
  }

  function end(settled: Recorded): void {
    const found = open.get(settled.id)
    if (found === undefined) return
    open.delete(settled.id)
    const { record, at, hasInner } = found
    const isTunnel = record.kind === 'tunnel'
    const ended = { ...settled, problem: settled.problem ?? null, isTakeover: isTunnel || record.subject?.websocket === true }
    const { watched } = found
    if (watched !== null && isTunnel && !hasInner) count(found)
    if (watched !== null) {
      watched.sentBytes += settled.sentBytes
      watched.receivedBytes += settled.receivedBytes
    }
    observer.settled(watched, named(record.integration), settled.id, at, ended)
  }

  /** A tunnel that nothing was seen in counts as a request, as it does when it is live. */
  function count({ record, at }: Open): void {
    const { id, kind, integration, subject, allow } = record
    const request = { id, kind, at, integration: named(integration), target: subject } as unknown as AccessRequest
    const again = observer.decided(request, { allow, obligations: { tls: 'tunnel' } } as unknown as Decision)
    observer.settled(again, named(integration), id, at, uncounted)
  }

  function sum({ who, code, count: many, integration }: Recorded, at: number): void {
    const name = integration ?? (/^[a-z0-9-]+$/.test(who) && who !== 'other' ? who : null)
    const ended = { ...uncounted, status: 429, problem: code }
    for (let index = 0; index < Math.min(many, maxSummed); index += 1) observer.settled(null, named(name), '', at, ended)
  }

  function* take(record: Recorded, at: number): Generator<Finding> {
    switch (record.type) {
      case 'decided':
      case 'refused':
        return begin(record, at)
      case 'settled':
        return end(record)
      case 'summed':
        return sum(record, at)
      case 'breaker':
        yield* detector.event(breakerEvent(record, at))
    }
  }

  for await (const item of records) {
    const record = item as Recorded
    const at = Date.parse(record.time)
    if (Number.isNaN(at)) continue
    for (const finding of cut(at)) if (finding.at >= from && finding.at < to) yield finding
    if (at >= to) return
    for (const finding of take(record, at)) if (finding.at >= from && finding.at < to) yield finding
  }
  for (const finding of cut(clock.at + 2 * sliceMs)) if (finding.at >= from && finding.at < to) yield finding
}

/** Of a request whose end is counted elsewhere. */
const uncounted: WatchedEnd = { status: 200, problem: null, durationMs: 0, isTakeover: true }

function named(name: string | null): Integration {
  return (name === null ? null : { name, owner: null }) as unknown as Integration
}

function breakerEvent({ integration, origin, state }: Recorded, at: number): WatchEvent {
  return { type: 'breaker', integration, destination: origin, facts: { state }, at }
}
