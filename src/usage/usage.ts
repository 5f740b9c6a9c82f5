/** The usage station: what each integration did, kept as plain counters. */
import {
  type BreakerReport,
  type BucketReport,
  type ContainmentState,
  problems as catalogue,
  type Integration,
  type ProblemCode,
  type Side,
  sides,
  type Usage,
} from '../core/index.ts'
import { Counters, type Result } from './counters.ts'
import { type Quantiles, quantilesOf } from './durations.ts'
import { addTo, nothing, type Totals, withEarlier } from './totals.ts'

export interface IntegrationUsage {
  readonly integration: string
  /** What it is held in now; absent: normal. */
  readonly containment?: ContainmentState
  /** When the first was counted, UTC; over restarts. */
  readonly since: string | null
  readonly requests: Readonly<Record<Result, number>>
  /** The gateway's own refusals, and what broke answers off, by code. */
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
  /** The same by whose doing they are. */
  readonly sides: Readonly<Record<Side, number>>
  /** Of the allowed: answered by the destination itself with 5xx. */
  readonly originErrors: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Milliseconds from arrival to last byte, of allowed requests except tunnels and WebSockets; `null` before the first. */
  readonly latencyMs: Quantiles | null
  readonly buckets: readonly BucketReport[]
  readonly breakers: readonly BreakerReport[]
}

export interface UsageOptions {
  readonly buckets: (integration: string) => readonly BucketReport[]
  readonly breakers: (integration: string) => readonly BreakerReport[]
  /** What an integration is held in; normal where absent. */
  readonly stateOf?: (integration: string) => ContainmentState
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

export interface UsageStation extends Usage {
  /** Nothing is kept of integrations that are not among these. */
  update(names: Iterable<string>): void
  /**
   * Since the start; `null` where it has asked for nothing. Metrics show this alone: a counter that came back after a crash a
   * little lower than before would be read as a counter that began at zero, and all of it would be counted again.
   */
  counted(integration: string): Counters | null
  /** Of every integration in `names`, and of callers that proved none under `-`; what was before the start included. */
  report(names: Iterable<string>): readonly IntegrationUsage[]
  /** The same as JSON, one integration after the other as it is read. */
  reportText(names: Iterable<string>): Iterable<string>
  /** What is to be kept over a restart, by integration; made as it is read. */
  totals(): Iterable<readonly [string, Totals]>
  /** What was kept, before anything is counted. */
  restore(kept: ReadonlyMap<string, Totals>): void
  /** Grows with each that is counted. */
  readonly settledCount: number
}

/** Callers that proved no integration. */
export const unidentified = '-'

export function createUsage({ buckets, breakers, stateOf = () => 'normal', now = Date.now }: UsageOptions): UsageStation {
  const counters = new Map<string, Counters>()
  const earlier = new Map<string, Totals>()
  let settledCount = 0

  const totalOf = (name: string, now = buckets(name)) => addTo(earlier.get(name) ?? nothing, counters.get(name) ?? null, now)

  function* reported(names: Iterable<string>): Generator<IntegrationUsage> {
    const hasUnidentified = counters.has(unidentified) || earlier.has(unidentified)
    const known = new Set([...names, ...(hasUnidentified ? [unidentified] : [])])
    for (const integration of [...known].sort()) {
      const now = buckets(integration)
      const { buckets: _, latency, ...totals } = totalOf(integration, now)
      const containment = stateOf(integration)
      yield {
        integration,
        ...(containment !== 'normal' && { containment }),
        ...totals,
        sides: bySide(totals.problems),
        latencyMs: quantilesOf(latency),
        buckets: withEarlier(earlier.get(integration) ?? nothing, now),
        breakers: breakers(integration),
      }
    }
  }

  return {
    settled(integration: Integration | null, _origin, outcome, trace = null) {
      const name = integration?.name ?? unidentified
      let found = counters.get(name)
      if (found === undefined) {
        found = new Counters()
        counters.set(name, found)
      }
      found.count(outcome, trace === null ? null : { trace, at: now() })
      settledCount += 1
    },
    update(names) {
      const known = new Set([...names, unidentified])
      for (const held of [counters, earlier]) for (const name of held.keys()) if (!known.has(name)) held.delete(name)
    },
    counted: (integration) => counters.get(integration) ?? null,
    report: (names) => [...reported(names)],
    *reportText(names) {
      let before = '['
      for (const usage of reported(names)) {
        yield `${before}${JSON.stringify(usage)}`
        before = ','
      }
      yield before === '[' ? '[]' : ']'
    },
    *totals() {
      for (const name of new Set([...earlier.keys(), ...counters.keys()])) yield [name, totalOf(name)]
    },
    restore(kept) {
      for (const [name, totals] of kept) earlier.set(name, totals)
    },
    get settledCount() {
      return settledCount
    },
  }
}

function bySide(problems: IntegrationUsage['problems']): Record<Side, number> {
  const counts = Object.fromEntries(sides.map((side) => [side, 0])) as Record<Side, number>
  for (const [code, count] of Object.entries(problems)) counts[catalogue[code as ProblemCode].side] += count
  return counts
}
