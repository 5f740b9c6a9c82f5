/** The metrics registry: the process's own figures, and what stations add as callbacks that are read at a scrape. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { createSlices, type Lines } from './exposition.ts'
import { type Format, openMetricsEnd, openMetricsFormat, textFormat } from './format.ts'
import { registrySeries } from './registry-series.ts'

export interface LabelledCounter {
  /** By one, or by `by`. */
  inc(labels: Record<string, string>, by?: number): void
}

export interface Scrape {
  readonly contentType: string
  /** In parts that come as they are made. */
  readonly text: AsyncIterable<string>
}

export interface Metrics {
  /** In OpenMetrics, with exemplars, or in the Prometheus text format. */
  scrape(isOpenMetrics: boolean): Scrape
  /** The same in another format, in parts. */
  series(format: Format): AsyncIterable<string>
  /** A counter without labels, for what is rare. */
  counter(name: string, help: string): { inc(by?: number): void }
  /** A counter with one label, whose values are all shown from the start. */
  labelledCounter(name: string, help: string, label: string, values: readonly string[]): LabelledCounter
  /** A gauge read at scrape. */
  gauge(name: string, help: string, read: () => number): void
  /** A gauge with one label, read at scrape: a value for each of the label's. */
  labelledGauge(name: string, help: string, label: string, read: () => ReadonlyMap<string, number>): void
  /** What has series for each integration, made again at each scrape: prom-client would make and keep objects for each of them. */
  perIntegration(lines: (format: Format) => Lines): void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const perIntegration: ((format: Format) => Lines)[] = []
  const slices = createSlices()
  collectDefaultMetrics({ register: registry })

  async function* series(format: Format): AsyncGenerator<string> {
    yield registrySeries(await registry.getMetricsAsJSON(), format)
    for (const lines of perIntegration) yield* slices(lines(format))
  }

  async function* text(): AsyncGenerator<string> {
    yield await registry.metrics()
    for (const lines of perIntegration) yield* slices(lines(textFormat))
  }

  async function* openMetrics(): AsyncGenerator<string> {
    yield* series(openMetricsFormat)
    yield openMetricsEnd
  }

  return {
    scrape: (isOpenMetrics) =>
      isOpenMetrics
        ? { contentType: Registry.OPENMETRICS_CONTENT_TYPE, text: openMetrics() }
        : { contentType: registry.contentType, text: text() },
    series,
    counter: (name, help) => new Counter({ name, help, registers: [registry] }),
    labelledCounter(name, help, label, values) {
      const counter = new Counter({ name, help, labelNames: [label], registers: [registry] })
      for (const value of values) counter.inc({ [label]: value }, 0)
      return counter
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read())
        },
      })
    },
    labelledGauge(name, help, label, read) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [registry],
        collect() {
          this.reset()
          for (const [value, number] of read()) this.set({ [label]: value }, number)
        },
      })
    },
    perIntegration: (lines) => void perIntegration.push(lines),
  }
}
