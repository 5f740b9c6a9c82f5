/** How often something took how long, in buckets as Prometheus has them. */

export class Histogram {
  readonly boundsSeconds: readonly number[]
  /** The count of each bucket alone, with a last one for everything above the highest bound. */
  readonly counts: Float64Array
  count = 0
  sumSeconds = 0

  constructor(boundsSeconds: readonly number[]) {
    this.boundsSeconds = boundsSeconds
    this.counts = new Float64Array(boundsSeconds.length + 1)
  }

  record(ms: number): void {
    const { boundsSeconds, counts } = this
    const seconds = ms / 1000
    let index = 0
    while (index < boundsSeconds.length && seconds > (boundsSeconds[index] as number)) index += 1
    counts[index] = (counts[index] as number) + 1
    this.count += 1
    this.sumSeconds += seconds
  }
}
