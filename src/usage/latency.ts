/** How long whole requests took: a histogram whose quantiles can be asked for, two kB for whatever number of them. */
import { Histogram } from './histogram.ts'

/** Seconds: up to 10 s those that Prometheus's libraries have from the start. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600]

/** Each bucket of the quantiles ends 5 % above the one before it, from a microsecond to an hour. */
const growth = Math.log(1.05)
const fineBuckets = Math.ceil(Math.log(3_600_000_000) / growth) + 1

export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
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

  /** Milliseconds, at most 5 % too large; `null` before the first. */
  quantiles(): Quantiles | null {
    if (this.count === 0) return null
    return { p50: this.#quantile(0.5), p90: this.#quantile(0.9), p99: this.#quantile(0.99), max: this.#maxMs }
  }

  #quantile(part: number): number {
    let left = Math.ceil(this.count * part)
    const index = this.#fine.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return Math.min(this.#maxMs, Math.exp(index * growth) / 1000)
  }
}
