/** The totals of one integration, from before the last restart and since: what `usage` shows and what is kept on disk. */
import type { BucketName, BucketReport, ProblemCode } from '../core/index.ts'
import { type Counters, type Result, results } from './counters.ts'
import type { LatencyCounts } from './durations.ts'

/** What a bucket has done. */
type BucketCounts = Pick<BucketReport, 'consumed' | 'allowed' | 'limited'>

export interface Totals {
  /** When the first was counted, UTC; `null` before. */
  readonly since: string | null
  readonly requests: Readonly<Record<Result, number>>
  readonly problems: Readonly<Partial<Record<ProblemCode, number>>>
  readonly originErrors: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Of allowed requests. */
  readonly latency: LatencyCounts
  readonly buckets: Readonly<Partial<Record<BucketName, BucketCounts>>>
}

export const nothing: Totals = {
  since: null,
  requests: { allowed: 0, denied: 0, limited: 0, refused: 0, failed: 0, aborted: 0 },
  problems: {},
  originErrors: 0,
  sentBytes: 0,
  receivedBytes: 0,
  latency: { maxMs: 0, counts: [] },
  buckets: {},
}

/** `counters`: `null` where nothing was counted since the start. `buckets`: as they are reported since the start. */
export function addTo(earlier: Totals, counters: Counters | null, buckets: readonly BucketReport[]): Totals {
  const bucketSums: Partial<Record<BucketName, BucketCounts>> = {}
  for (const report of withEarlier(earlier, buckets)) {
    const { bucket, consumed, allowed, limited } = report
    if (allowed > 0 || limited > 0 || consumed !== 0) bucketSums[bucket] = { consumed, allowed, limited }
  }
  if (counters === null) return { ...earlier, buckets: bucketSums }
  const { requests, problems } = counters
  const requestSums = { ...earlier.requests }
  for (const result of results) requestSums[result] += requests[result]
  const problemSums = { ...earlier.problems }
  for (const code in problems)
    problemSums[code as ProblemCode] = (problemSums[code as ProblemCode] ?? 0) + (problems[code as ProblemCode] ?? 0)
  return {
    since: earlier.since ?? counters.since,
    requests: requestSums,
    problems: problemSums,
    originErrors: earlier.originErrors + counters.originErrors,
    sentBytes: earlier.sentBytes + counters.sentBytes,
    receivedBytes: earlier.receivedBytes + counters.receivedBytes,
    latency: counters.exchanges.total.withEarlier(earlier.latency),
    buckets: bucketSums,
  }
}

/** Their levels and settings are those of now. */
export function withEarlier({ buckets: earlier }: Totals, buckets: readonly BucketReport[]): readonly BucketReport[] {
  return buckets.map((report) => {
    const before = earlier[report.bucket]
    if (before === undefined) return report
    const { consumed, allowed, limited } = before
    return { ...report, consumed: report.consumed + consumed, allowed: report.allowed + allowed, limited: report.limited + limited }
  })
}
