/** The usage station: what each integration did, with latency quantiles, kept as plain counters. */
import {
  type BreakerReport,
  type BucketReport,
  problems as catalogue,
  type Integration,
  type Outcome,
  type ProblemCode,
  type Side,
  sides,
  type Usage,
} from '../core/index.ts'
import { Durations, noDurations } from './durations.ts'
import type { Quantiles } from './latency.ts'

/** How a request ended, as reports and metrics count it. `aborted`: allowed, and broken off before the last byte of its answer. */
export const results = ['allowed', 'denied', 'limited', 'refused', 'failed', 'aborted'] as const
type Result = (typeof results)[number]

export interface IntegrationUsage {
  readonly integration: string
  readonly requests: Readonly<Record<Result, number>>
  /** The gateway's own refusals, and what broke answers off, by code. */
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
  /** The same by whose doing they are. */
  readonly sides: Readonly<Record<Side, number>>
  /** Of the allowed: answered by the destination itself with 5xx. */
  readonly originErrors: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Milliseconds from arrival to last byte, of allowed requests but for tunnels and WebSockets; `null` before the first. */
  readonly latencyMs: Quantiles | null
  readonly buckets: readonly BucketReport[]
  readonly breakers: readonly BreakerReport[]
}

export interface UsageOptions {
  readonly buckets: (integration: string) => readonly BucketReport[]
  readonly breakers: (integration: string) => readonly BreakerReport[]
}

/** What is counted of one integration. */
export interface Counted {
  readonly requests: Readonly<Record<Result, number>>
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
  readonly originErrors: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly exchanges: Durations
  /** Tunnels and WebSockets, which last as long as their ends want. */
  readonly takeovers: Durations
  /** It has asked for nothing. */
  readonly isIdle: boolean
}

export interface UsageStation extends Usage {
  /** Nothing is kept of integrations that are not among these. */
  update(names: Iterable<string>): void
  counted(integration: string): Counted
  /** Of every integration in `names`, and of callers that proved none under `-`. */
  report(names: Iterable<string>): readonly IntegrationUsage[]
}

/** Callers that proved no integration. */
const unidentified = '-'

class Counters implements Counted {
  readonly requests: Record<Result, number> = { allowed: 0, denied: 0, limited: 0, refused: 0, failed: 0, aborted: 0 }
  readonly problems: Partial<Record<ProblemCode, number>> = {}
  originErrors = 0
  sentBytes = 0
  receivedBytes = 0
  readonly exchanges = new Durations()
  /** Few have any. */
  takeovers = noDurations

  takeoversOfOwn(): Durations {
    if (this.takeovers === noDurations) this.takeovers = new Durations()
    return this.takeovers
  }

  get isIdle(): boolean {
    return this === idle
  }
}

/** Of all that ask for nothing: nothing is kept of them. */
const idle = new Counters()

export function createUsage({ buckets, breakers }: UsageOptions): UsageStation {
  const counters = new Map<string, Counters>()

  function countersOf(name: string): Counters {
    let found = counters.get(name)
    if (found === undefined) {
      found = new Counters()
      counters.set(name, found)
    }
    return found
  }

  return {
    settled(integration: Integration | null, _origin, outcome: Outcome) {
      const { problem, sentBytes, receivedBytes, durationMs, phases, isTakeover } = outcome
      const count = countersOf(integration?.name ?? unidentified)
      count.requests[resultOf(outcome)] += 1
      if (problem !== null) count.problems[problem] = (count.problems[problem] ?? 0) + 1
      else if (outcome.status >= 500) count.originErrors += 1
      count.sentBytes += sentBytes
      count.receivedBytes += receivedBytes
      const durations = isTakeover ? count.takeoversOfOwn() : count.exchanges
      if (problem === null) durations.total.record(durationMs)
      durations.recordPhases(phases)
    },
    update(names) {
      const known = new Set(names)
      for (const name of counters.keys()) if (!known.has(name) && name !== unidentified) counters.delete(name)
    },
    counted: (integration) => counters.get(integration) ?? idle,
    report(names) {
      const known = new Set([...names, ...(counters.has(unidentified) ? [unidentified] : [])])
      return [...known].sort().map((integration) => {
        const { requests, problems, originErrors, sentBytes, receivedBytes, exchanges } = counters.get(integration) ?? idle
        return {
          integration,
          requests: { ...requests },
          problems: { ...problems },
          sides: bySide(problems),
          originErrors,
          sentBytes,
          receivedBytes,
          latencyMs: exchanges.total.quantiles(),
          buckets: buckets(integration),
          breakers: breakers(integration),
        }
      })
    },
  }
}

function resultOf({ problem, status, brokenOff }: Outcome): Result {
  if (problem === null) return 'allowed'
  if (brokenOff) return 'aborted'
  if (status === 403) return 'denied'
  if (status === 429) return 'limited'
  return status < 500 ? 'refused' : 'failed'
}

function bySide(problems: Counted['problems']): Record<Side, number> {
  const counts = Object.fromEntries(sides.map((side) => [side, 0])) as Record<Side, number>
  for (const [code, count] of Object.entries(problems)) counts[catalogue[code as ProblemCode].side] += count
  return counts
}
