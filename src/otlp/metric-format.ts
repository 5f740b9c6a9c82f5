/** Series as OTLP's metrics in JSON: the same that /metrics gives, under names that a collector turns into those again. */
import type { Exemplar, Format, HistogramSeries, Labels } from '../telemetry/index.ts'
import { countAttribute, nanoseconds, quote, textAttribute } from './json-text.ts'

export interface MetricFormat extends Format {
  /** Ends what has been written, so that it can be sent; what comes next is another list of metrics. */
  flush(): string
}

const units: readonly (readonly [suffix: string, unit: string])[] = [
  ['_seconds', 's'],
  ['_bytes', 'By'],
]

/** `sallyport_request_duration_seconds` → `sallyport.request_duration` in `s`; `sallyport_bytes_total` → `sallyport.bytes`. */
export function metricName(prometheus: string): { readonly name: string; readonly unit: string } {
  // Of the conventions, which have durations alone.
  if (prometheus.includes('.')) return { name: prometheus, unit: 's' }
  const dotted = prometheus.replace(/_total$/, '').replace('_', '.')
  const [suffix, unit] = units.find(([suffix]) => dotted.endsWith(suffix)) ?? ['', '']
  return { name: dotted.slice(0, dotted.length - suffix.length), unit }
}

/** Cumulative, since `startMs`. Elements of `metrics`, with commas between them. */
export function createMetricFormat(startMs: number, nowMs: number): MetricFormat {
  const times = `"startTimeUnixNano":"${nanoseconds(startMs)}","timeUnixNano":"${nanoseconds(nowMs)}"`
  /** Of the metric whose points come now. */
  let head = ''
  let isHistogram = false
  let isOpen = false
  let hasMetrics = false

  function point(text: string): string {
    const before = isOpen ? ',' : `${hasMetrics ? ',' : ''}${head}`
    isOpen = true
    hasMetrics = true
    return `${before}{"attributes":[${text}}`
  }

  function close(): string {
    const end = isOpen ? ']}}' : ''
    isOpen = false
    return end
  }

  return {
    head(prometheus, type, help) {
      const before = close()
      const { name, unit } = metricName(prometheus)
      const kind =
        type === 'gauge'
          ? '"gauge":{'
          : `"${type === 'histogram' ? 'histogram' : 'sum'}":{"aggregationTemporality":2,${type === 'histogram' ? '' : '"isMonotonic":true,'}`
      head = `{"name":"${name}","unit":"${unit}","description":${quote(help)},${kind}"dataPoints":[`
      isHistogram = type === 'histogram'
      return before
    },
    // What prom-client has of a histogram are its lines in text.
    number: (_name, labels, value) =>
      isHistogram || !Number.isFinite(value) ? '' : point(`${attributesOf(labels)}],${times},"asDouble":${value}`),
    histogram(_name, labels, series) {
      const { bounds, counts, count, sum } = series
      if (count === 0) return ''
      const shown = Array.from(counts, (inBucket) => `"${inBucket}"`).join(',')
      return point(
        `${attributesOf(labels)}],${times},"count":"${count}","sum":${sum},"bucketCounts":[${shown}],"explicitBounds":[${bounds.join(',')}],"exemplars":[${exemplarsOf(series)}]`,
      )
    },
    flush() {
      const end = close()
      hasMetrics = false
      return end
    },
  }
}

const numbers = new Set(['http.response.status_code', 'server.port'])

/** `integration` is an attribute of spans as well, and has its name. */
function attributesOf(labels: Labels): string {
  let text = ''
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i] === 'integration' ? 'sallyport.integration' : (labels[i] as string)
    const value = labels[i + 1] as string
    text += `${text === '' ? '' : ','}${numbers.has(name) ? countAttribute(name, Number(value)) : textAttribute(name, value)}`
  }
  return text
}

function exemplarsOf({ exemplars, exemplarValues }: HistogramSeries): string {
  return (exemplars ?? [])
    .flatMap((exemplar: Exemplar | undefined, index) =>
      exemplar === undefined
        ? []
        : [`{"timeUnixNano":"${nanoseconds(exemplar.at)}","asDouble":${exemplarValues?.[index] ?? 0},"traceId":"${exemplar.trace}"}`],
    )
    .join(',')
}
