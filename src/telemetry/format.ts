/** How series are written: Prometheus's text format, or OpenMetrics, which has exemplars. */

/** Flat: name, value, … Values are names of integrations, buckets and the like, with nothing to escape. */
export type Labels = readonly string[]
export type SeriesType = 'counter' | 'gauge' | 'histogram'

/** A request that is an example of a bucket's. */
export interface Exemplar {
  readonly trace: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface HistogramSeries {
  readonly bounds: readonly number[]
  /** The count of each bucket alone, with a last one for everything above the highest bound. */
  readonly counts: ArrayLike<number>
  readonly count: number
  readonly sum: number
  /** Of each bucket: the latest, and its value. `null` before the first. */
  readonly exemplars: readonly (Exemplar | undefined)[] | null
  readonly exemplarValues: ArrayLike<number> | null
}

export interface Format {
  /** What a metric begins with. `name`: of a counter, with `_total`. */
  head(name: string, type: SeriesType, help: string): string
  number(name: string, labels: Labels, value: number): string
  /** Nothing before the first observation. */
  histogram(name: string, labels: Labels, series: HistogramSeries): string
}

export const textFormat: Format = {
  head: (name, type, help) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`,
  number: (name, labels, value) => `${name}${labelsText(labels)} ${numberText(value)}\n`,
  histogram: (name, labels, series) => histogramText(name, labels, series, false),
}

/** OpenMetrics 1.0. The whole ends with `openMetricsEnd`. */
export const openMetricsFormat: Format = {
  head(name, type, help) {
    const family = type === 'counter' ? name.replace(/_total$/, '') : name
    return `# HELP ${family} ${help.replaceAll('"', '\\"')}\n# TYPE ${family} ${type}\n`
  },
  number: textFormat.number,
  histogram: (name, labels, series) => histogramText(name, labels, series, true),
}

export const openMetricsEnd = '# EOF\n'

export function labelsText(labels: Labels): string {
  let text = ''
  for (let i = 0; i < labels.length; i += 2) text += `${text === '' ? '' : ','}${labels[i]}="${labels[i + 1]}"`
  return text === '' ? '' : `{${text}}`
}

export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/** Of one integration, at one moment. */
function histogramText(name: string, labels: Labels, series: HistogramSeries, hasExemplars: boolean): string {
  const { bounds, counts, count, sum } = series
  if (count === 0) return ''
  const shown = labelsText(labels)
  const open = shown === '' ? '{' : `${shown.slice(0, -1)},`
  let text = ''
  let below = 0
  for (let index = 0; index < counts.length; index += 1) {
    below += counts[index] as number
    text += `${name}_bucket${open}le="${bounds[index] ?? '+Inf'}"} ${below}${hasExemplars ? exemplarText(series, index) : ''}\n`
  }
  return `${text}${name}_sum${shown} ${sum}\n${name}_count${shown} ${count}\n`
}

function exemplarText({ exemplars, exemplarValues }: HistogramSeries, index: number): string {
  const exemplar = exemplars?.[index]
  return exemplar === undefined ? '' : ` # {trace_id="${exemplar.trace}"} ${exemplarValues?.[index]} ${exemplar.at / 1000}`
}
