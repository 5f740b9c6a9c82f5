/** What prom-client keeps, in another format than its own: it changes the names of its counters for good where it is asked for OpenMetrics. */
import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { Format, Labels, SeriesType } from './format.ts'

/** Of Node's own (the pauses of its collector): what they are made of is written as it is. */
interface Value extends MetricValue<string> {
  readonly metricName?: string
}

export function registrySeries(metrics: readonly MetricObjectWithValues<MetricValue<string>>[], format: Format): string {
  let text = ''
  for (const { name, type, help, values } of metrics) {
    text += format.head(name, String(type) as SeriesType, help)
    for (const { metricName = name, labels, value } of values as readonly Value[]) text += format.number(metricName, flat(labels), value)
  }
  return text
}

function flat(labels: Partial<Record<string, string | number>>): Labels {
  return Object.entries(labels).flatMap(([name, value]) => [name, escaped(String(value))])
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
