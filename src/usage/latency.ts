/** How long something took: counts in buckets, two kB for whatever number of observations. */

/** Upper bounds of the buckets that are shown, seconds: up to 10 s those that Prometheus's libraries have from the start. */
export const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600] as const

/** Each bucket of the quantiles ends 5 % above the one before it, from a microsecond to an hour. */
const growth = Math.log(1.05)
const fineBuckets = Math.ceil(Math.log(3_600_000_000) / growth) + 1

export interface Quantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

export class Latency {
  /** Of each of `boundsSeconds` alone, and of what took longer than all. */
  readonly counts = new Float64Array(boundsSeconds.length + 1)
  readonly #fine = new Uint32Array(fineBuckets)
  #sumMs = 0
  #maxMs = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  get sumSeconds(): number {
    return this.#sumMs / 1000
  }

  record(ms: number): void {
    this.#count += 1
    this.#sumMs += ms
    this.#maxMs = Math.max(this.#maxMs, ms)
    const seconds = ms / 1000
    let index = 0
    while (index < boundsSeconds.length && seconds > (boundsSeconds[index] as number)) index += 1
    this.counts[index] = (this.counts[index] as number) + 1
    const fine = Math.min(fineBuckets - 1, Math.max(0, Math.ceil(Math.log(ms * 1000) / growth)))
    this.#fine[fine] = (this.#fine[fine] as number) + 1
  }

  /** Milliseconds, at most 5 % too large; `null` before the first. */
  quantiles(): Quantiles | null {
    if (this.#count === 0) return null
    return { p50: this.#quantile(0.5), p90: this.#quantile(0.9), p99: this.#quantile(0.99), max: this.#maxMs }
  }

  #quantile(part: number): number {
    let left = Math.ceil(this.#count * part)
    const index = this.#fine.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return Math.min(this.#maxMs, Math.exp(index * growth) / 1000)
  }
}
