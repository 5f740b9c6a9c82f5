/** The usage station: what each integration did, with latency quantiles, kept as plain counters. */
import type { BreakerReport, BucketReport, Integration, Outcome, Usage } from '../core/index.ts'
import { Latency, type Quantiles } from './latency.ts'

/** How a request ended, as reports and metrics count it. */
const results = ['allowed', 'denied', 'limited', 'refused', 'failed'] as const
type Result = (typeof results)[number]

export interface IntegrationUsage {
  readonly integration: string
  readonly requests: Readonly<Record<Result, number>>
  /** The gateway's own refusals by code. */
  readonly problems: Readonly<Record<string, number>>
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

/** Of allowed requests. */
export interface Durations {
  readonly integration: string
  readonly exchanges: Latency
  /** Tunnels and WebSockets, which last as long as their ends want. */
  readonly takeovers: Latency
}

export interface UsageStation extends Usage {
  /** Of whoever was served. */
  durations(): readonly Durations[]
  /** Of every integration in `names`, and of callers that proved none under `-`. */
  report(names: Iterable<string>): readonly IntegrationUsage[]
}

/** Callers that proved no integration. */
const unidentified = '-'

interface Counters {
  readonly requests: Record<Result, number>
  readonly problems: Record<string, number>
  originErrors: number
  sentBytes: number
  receivedBytes: number
  readonly exchanges: Latency
  readonly takeovers: Latency
}

export function createUsage({ buckets, breakers }: UsageOptions): UsageStation {
  const counters = new Map<string, Counters>()

  function countersOf(name: string): Counters {
    const found = counters.get(name) ?? noCounters()
    counters.set(name, found)
    return found
  }

  return {
    settled(integration: Integration | null, _origin, { problem, status, sentBytes, receivedBytes, durationMs, isTakeover }: Outcome) {
      const count = countersOf(integration?.name ?? unidentified)
      count.requests[resultOf(problem, status)] += 1
      if (problem !== null) count.problems[problem] = (count.problems[problem] ?? 0) + 1
      else if (status >= 500) count.originErrors += 1
      count.sentBytes += sentBytes
      count.receivedBytes += receivedBytes
      if (problem === null) count[isTakeover ? 'takeovers' : 'exchanges'].record(durationMs)
    },
    report(names) {
      const known = new Set([...names, ...(counters.has(unidentified) ? [unidentified] : [])])
      // What is gone from the manifests is gone from the report.
      for (const name of counters.keys()) if (!known.has(name) && name !== unidentified) counters.delete(name)
      return [...known].sort().map((integration) => {
        // Nothing is kept of those who ask for nothing.
        const { requests, problems, originErrors, sentBytes, receivedBytes, exchanges } = counters.get(integration) ?? idle
        return {
          integration,
          requests: { ...requests },
          problems: { ...problems },
          originErrors,
          sentBytes,
          receivedBytes,
          latencyMs: exchanges.quantiles(),
          buckets: buckets(integration),
          breakers: breakers(integration),
        }
      })
    },
    durations: () => [...counters].map(([integration, { exchanges, takeovers }]) => ({ integration, exchanges, takeovers })),
  }
}

function noCounters(): Counters {
  return {
    requests: { allowed: 0, denied: 0, limited: 0, refused: 0, failed: 0 },
    problems: {},
    originErrors: 0,
    sentBytes: 0,
    receivedBytes: 0,
    exchanges: new Latency(),
    takeovers: new Latency(),
  }
}

const idle = noCounters()

function resultOf(problem: Outcome['problem'], status: number): Result {
  if (problem === null) return 'allowed'
  // It was answered, and then something broke the answer off.
  if (status < 400) return problem === 'client-closed' || problem === 'reply-too-large' ? 'allowed' : 'failed'
  if (status === 403) return 'denied'
  if (status === 429) return 'limited'
  return status < 500 ? 'refused' : 'failed'
}
