/** The usage station: what each integration did, with latency quantiles, kept as plain counters. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { BreakerReport, BucketReport, Integration, Outcome, Usage } from '../core/index.ts'

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
  /** Milliseconds from arrival to last byte, of allowed requests; `null` before the first. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number } | null
  readonly buckets: readonly BucketReport[]
  readonly breakers: readonly BreakerReport[]
}

export interface UsageOptions {
  readonly buckets: (integration: string) => readonly BucketReport[]
  readonly breakers: (integration: string) => readonly BreakerReport[]
}

export interface UsageStation extends Usage {
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
  readonly latency: RecordableHistogram
}

export function createUsage({ buckets, breakers }: UsageOptions): UsageStation {
  const counters = new Map<string, Counters>()

  function countersOf(name: string): Counters {
    let found = counters.get(name)
    if (found === undefined) {
      found = {
        requests: { allowed: 0, denied: 0, limited: 0, refused: 0, failed: 0 },
        problems: {},
        originErrors: 0,
        sentBytes: 0,
        receivedBytes: 0,
        latency: createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 }),
      }
      counters.set(name, found)
    }
    return found
  }

  return {
    settled(integration: Integration | null, _origin, { problem, status, sentBytes, receivedBytes, durationMs }: Outcome) {
      const count = countersOf(integration?.name ?? unidentified)
      count.requests[resultOf(problem, status)] += 1
      if (problem !== null) count.problems[problem] = (count.problems[problem] ?? 0) + 1
      else if (status >= 500) count.originErrors += 1
      count.sentBytes += sentBytes
      count.receivedBytes += receivedBytes
      // Microseconds in the histogram, which holds whole numbers.
      if (problem === null) count.latency.record(Math.max(1, Math.min(3_600_000_000, Math.round(durationMs * 1000))))
    },
    report(names) {
      const known = new Set([...names, ...(counters.has(unidentified) ? [unidentified] : [])])
      // What is gone from the manifests is gone from the report.
      for (const name of counters.keys()) if (!known.has(name) && name !== unidentified) counters.delete(name)
      return [...known].sort().map((integration) => {
        const { requests, problems, originErrors, sentBytes, receivedBytes, latency } = countersOf(integration)
        return {
          integration,
          requests: { ...requests },
          problems: { ...problems },
          originErrors,
          sentBytes,
          receivedBytes,
          latencyMs: quantiles(latency),
          buckets: buckets(integration),
          breakers: breakers(integration),
        }
      })
    },
  }
}

function resultOf(problem: Outcome['problem'], status: number): Result {
  if (problem === null) return 'allowed'
  // It was answered, and then something broke the answer off.
  if (status < 400) return problem === 'client-closed' || problem === 'reply-too-large' ? 'allowed' : 'failed'
  if (status === 403) return 'denied'
  if (status === 429) return 'limited'
  return status < 500 ? 'refused' : 'failed'
}

function quantiles(latency: RecordableHistogram): IntegrationUsage['latencyMs'] {
  if (latency.count === 0) return null
  const at = (percent: number) => latency.percentile(percent) / 1000
  return { p50: at(50), p90: at(90), p99: at(99), max: latency.max / 1000 }
}
