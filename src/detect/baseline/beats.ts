/** The times of the last requests to a destination that is seldom asked: are they regular, as those of a program that calls home? */

const kept = 48
/** Requests closer together are one: a client that tries again, or opens two connections. */
const apartMs = 1000
const setBackMs = 3_600_000

export interface Regularity {
  /** Median time between two requests. */
  readonly intervalMs: number
  /** Median deviation from it, as a share of it: 0.69 where requests are independent of each other, 0.25 where half of the interval is random. */
  readonly jitter: number
  readonly intervals: number
  /** So much jitter chance alone does not go below, but once in 5,000 times. */
  readonly chance: number
  readonly spanMs: number
}

export interface Beats {
  /** `requests` began, of which these times are known. Whether there is something to judge. */
  add(startedAt: readonly number[], requests: number): boolean
  regularity(): Regularity
}

export function createBeats(): Beats {
  const times = new Float64Array(kept)
  let count = 0
  let last = Number.NEGATIVE_INFINITY
  return {
    add(startedAt, requests) {
      // Not all times are known of what is that busy.
      if (requests > startedAt.length) {
        count = 0
        return false
      }
      const before = count
      for (const atMs of startedAt) {
        // A clock that was set back begins anew.
        if (atMs < last - setBackMs) count = 0
        else if (!(atMs >= last + apartMs)) continue
        times[count % kept] = atMs
        last = atMs
        count++
      }
      return count !== before
    },
    regularity() {
      const size = Math.min(count, kept)
      const sorted = times.slice(0, size).sort()
      const intervals = Float64Array.from({ length: Math.max(0, size - 1) }, (_, index) => (sorted[index + 1] ?? 0) - (sorted[index] ?? 0))
      const intervalMs = middle(intervals)
      return {
        intervalMs,
        jitter: intervalMs === 0 ? 1 : middle(intervals.map((interval) => Math.abs(interval - intervalMs))) / intervalMs,
        intervals: intervals.length,
        chance: 0.17 + (intervals.length - 16) * 0.0042,
        spanMs: (sorted.at(-1) ?? 0) - (sorted[0] ?? 0),
      }
    },
  }
}

const middle = (values: Float64Array): number => values.sort()[values.length >> 1] ?? 0
