/** The metrics registry: what the process itself tells, and what stations add as callbacks read at scrape. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface LabelledCounter {
  /** By one, or by `by`. */
  inc(labels: Record<string, string>, by?: number): void
}

export interface Metrics {
  readonly registry: Registry
  /** The Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
  /** A counter without labels, for what is rare. */
  counter(name: string, help: string): { inc(): void }
  /** A counter with one label, whose values are all shown from the start. */
  labelledCounter(name: string, help: string, label: string, values: readonly string[]): LabelledCounter
  /** A gauge read at scrape. */
  gauge(name: string, help: string, read: () => number): void
  /** A gauge with one label, read at scrape: a value for each of the label's. */
  labelledGauge(name: string, help: string, label: string, read: () => ReadonlyMap<string, number>): void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    text: () => registry.metrics(),
    contentType: registry.contentType,
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
  }
}
