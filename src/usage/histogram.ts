/** Counts of values by bucket, with the latest example of each. */
import type { Exemplar, HistogramSeries } from '../telemetry/index.ts'

export class Histogram implements HistogramSeries {
  readonly bounds: readonly number[]
  readonly counts: Float64Array
  count = 0
  sum = 0
  /** Made at the first: most histograms of most integrations have none. */
  exemplars: (Exemplar | undefined)[] | null = null
  exemplarValues: Float64Array | null = null

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  /** `exemplar`: `null` where nothing leads to this request. */
  record(value: number, exemplar: Exemplar | null): void {
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index += 1
    counts[index] = (counts[index] as number) + 1
    this.count += 1
    this.sum += value
    if (exemplar !== null) this.#keep(index, value, exemplar)
  }

  #keep(index: number, value: number, exemplar: Exemplar): void {
    this.exemplars ??= new Array(this.counts.length).fill(undefined)
    this.exemplarValues ??= new Float64Array(this.counts.length)
    this.exemplars[index] = exemplar
    this.exemplarValues[index] = value
  }
}
