/** The usage report as Prometheus series, read from plain counters at scrape: the hot path calls no metrics library. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { BucketReport } from '../core/index.ts'
import { boundsSeconds, type Latency } from './latency.ts'
import type { Durations, IntegrationUsage } from './usage.ts'

const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const

/** Sets a metric's labelled values from one integration's figures. */
type Read<Metric> = (metric: Metric, one: IntegrationUsage) => void

/** Registers the series of docs/reference/metrics.md that are labelled by integration; labels are bounded by the manifests. */
export function registerUsageMetrics(
  registry: Registry,
  report: () => readonly IntegrationUsage[],
  durations: () => readonly Durations[],
): void {
  const registers = [registry]
  // Every series is collected in one turn of the event loop: one report serves a scrape.
  let latest: readonly IntegrationUsage[] | null = null
  const once = () => {
    if (latest === null) {
      latest = report()
      queueMicrotask(() => {
        latest = null
      })
    }
    return latest
  }
  const series = <Metric extends Counter | Gauge>(name: string, help: string, labelNames: string[], read: Read<Metric>) => ({
    name,
    help,
    labelNames,
    registers,
    collect(this: Metric) {
      this.reset()
      for (const one of once()) read(this, one)
    },
  })
  const counter = (...given: Parameters<typeof series<Counter>>) => new Counter(series<Counter>(...given))
  const gauge = (...given: Parameters<typeof series<Gauge>>) => new Gauge(series<Gauge>(...given))

  counter(
    'sallyport_requests_total',
    'Requests by how they ended: allowed, denied, limited, refused, failed.',
    ['integration', 'result'],
    (metric, { integration, requests }) => {
      for (const [result, count] of Object.entries(requests)) metric.inc({ integration, result }, count)
    },
  )
  counter(
    'sallyport_origin_errors_total',
    'Allowed requests that the destination itself answered with 5xx.',
    ['integration'],
    (metric, { integration, originErrors }) => metric.inc({ integration }, originErrors),
  )
  counter(
    'sallyport_problems_total',
    'The gateway’s own refusals by code.',
    ['integration', 'code'],
    (metric, { integration, problems }) => {
      for (const [code, count] of Object.entries(problems)) metric.inc({ integration, code }, count)
    },
  )
  counter(
    'sallyport_bytes_total',
    'Body and tunnel bytes; out is from the integration to its destinations.',
    ['integration', 'direction'],
    (metric, { integration, sentBytes, receivedBytes }) => {
      metric.inc({ integration, direction: 'out' }, sentBytes)
      metric.inc({ integration, direction: 'in' }, receivedBytes)
    },
  )
  const histogram = (name: string, help: string, read: (one: Durations) => Latency) =>
    new ReadHistogram(registry, name, help, () => durations().map((one) => ({ integration: one.integration, latency: read(one) })))
  histogram('sallyport_request_duration_seconds', 'Arrival to last byte of allowed requests.', ({ exchanges }) => exchanges)
  histogram('sallyport_connection_duration_seconds', 'Arrival to end of allowed tunnels and WebSockets.', ({ takeovers }) => takeovers)
  // Each was just reset: what is added is what is set.
  const eachBucket =
    (figure: (bucket: BucketReport) => number): Read<Counter | Gauge> =>
    (metric, { integration, buckets }) => {
      for (const one of buckets) metric.inc({ integration, bucket: one.bucket }, figure(one))
    }
  const labels = ['integration', 'bucket']
  gauge(
    'sallyport_bucket_level',
    'Tokens in a bucket; negative in debt.',
    labels,
    eachBucket(({ level }) => level),
  )
  gauge(
    'sallyport_bucket_capacity',
    'Tokens a bucket holds at most.',
    labels,
    eachBucket(({ capacity }) => capacity),
  )
  gauge(
    'sallyport_bucket_refill_per_second',
    'Tokens that come back to a bucket each second; 0 for concurrency.',
    labels,
    eachBucket(({ refillPerSecond }) => refillPerSecond),
  )
  counter(
    'sallyport_bucket_consumed_total',
    'Tokens taken out of a bucket.',
    labels,
    // What was prepaid and given back can leave less than there was.
    eachBucket(({ consumed }) => Math.max(0, consumed)),
  )
  counter(
    'sallyport_bucket_allowed_total',
    'Admissions that a bucket let pass.',
    labels,
    eachBucket(({ allowed }) => allowed),
  )
  counter(
    'sallyport_bucket_limited_total',
    'Admissions that a bucket refused.',
    labels,
    eachBucket(({ limited }) => limited),
  )
  gauge(
    'sallyport_breakers',
    'Breakers that are not closed, by state: 1 half-open, 2 open; the most open of an integration.',
    ['integration'],
    (metric, { integration, breakers }) => {
      metric.set({ integration }, Math.max(0, ...breakers.map(({ state }) => breakerStates[state])))
    },
  )
}

/** A histogram whose counts are kept elsewhere: prom-client's own is observed, which costs the path more, and is read here alone. */
class ReadHistogram extends Histogram<'integration'> {
  readonly #text: { readonly name: string; readonly help: string }
  readonly #read: () => readonly { readonly integration: string; readonly latency: Latency }[]

  constructor(registry: Registry, name: string, help: string, read: () => readonly { integration: string; latency: Latency }[]) {
    super({ name, help, labelNames: ['integration'], registers: [registry] })
    this.#text = { name, help }
    this.#read = read
  }

  /** What the registry asks for when it writes the text format. */
  async getForPromString() {
    const { name, help } = this.#text
    const values = this.#read().flatMap(({ integration, latency }) => {
      if (latency.count === 0) return []
      let below = 0
      const buckets = [...latency.counts].map((count, index) => {
        below += count
        return { metricName: `${name}_bucket`, labels: { le: boundsSeconds[index] ?? '+Inf', integration }, value: below }
      })
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels: { integration }, value: latency.sumSeconds },
        { metricName: `${name}_count`, labels: { integration }, value: latency.count },
      ]
    })
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
}
