/** The usage report as Prometheus series, read from plain counters at scrape: the hot path calls no metrics library. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { BucketReport } from '../core/index.ts'
import type { IntegrationUsage } from './usage.ts'

const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const

/** Sets a metric's labelled values from one integration's figures. */
type Read<Metric> = (metric: Metric, one: IntegrationUsage) => void

/** Registers the series of docs/reference/metrics.md that are labelled by integration; labels are bounded by the manifests. */
export function registerUsageMetrics(registry: Registry, report: () => readonly IntegrationUsage[]): void {
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
  gauge(
    'sallyport_request_duration_seconds',
    'Arrival to last byte of allowed requests, quantiles since the start.',
    ['integration', 'quantile'],
    (metric, { integration, latencyMs }) => {
      if (latencyMs === null) return
      metric.set({ integration, quantile: '0.5' }, latencyMs.p50 / 1000)
      metric.set({ integration, quantile: '0.9' }, latencyMs.p90 / 1000)
      metric.set({ integration, quantile: '0.99' }, latencyMs.p99 / 1000)
    },
  )
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
