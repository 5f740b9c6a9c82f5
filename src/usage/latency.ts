/** How long whole requests took: a histogram with quantiles, 2 kB for any number of requests. */
import { Histogram } from './histogram.ts'

/** Seconds: up to 10 s those that Prometheus's libraries have from the start. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600]

/** Each bucket of the quantiles ends 5 % above the one before it, from a microsecond to an hour. */
const growth = Math.log(1.05)
export const fineBuckets = Math.ceil(Math.log(3_600_000_000) / growth) + 1

export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** What quantiles are made from, as it is kept over restarts. */
export interface LatencyCounts {
  readonly maxMs: number
  /** Place of a bucket that is not empty, and how many are in it; in order. */
  readonly counts: readonly (readonly [number, number])[]
}

export class Latency extends Histogram {
  readonly #fine = new Uint32Array(fineBuckets)
  #maxMs = 0

  constructor() {
    super(bounds)
  }

  override record(ms: number): void {
    super.record(ms)
    this.#maxMs = Math.max(this.#maxMs, ms)
    const fine = Math.min(fineBuckets - 1, Math.max(0, Math.ceil(Math.log(ms * 1000) / growth)))
    this.#fine[fine] = (this.#fine[fine] as number) + 1
  }

  /** Of this, and of what was before. */
  withEarlier(earlier: LatencyCounts): LatencyCounts {
    const sums = [...this.#fine]
    for (const [place, count] of earlier.counts) sums[place] = (sums[place] ?? 0) + count
    const counts = sums.flatMap((count, place) => (count === 0 ? [] : [[place, count] as const]))
    return { maxMs: Math.max(this.#maxMs, earlier.maxMs), counts }
  }
}

/** Milliseconds, at most 5 % too large; `null` of nothing. */
export function quantilesOf({ maxMs, counts }: LatencyCounts): Quantiles | null {
  const all = counts.reduce((sum, [, count]) => sum + count, 0)
  if (all === 0) return null
  const quantile = (part: number) => {
    let left = Math.ceil(all * part)
    const [place] = counts.find(([, count]) => {
      left -= count
      return left <= 0
    }) ?? [fineBuckets - 1]
    return Math.min(maxMs, Math.exp(place * growth) / 1000)
  }
  return { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: maxMs }
}
