/** Usage as Prometheus series, read from plain counters at a scrape: the hot path calls no metrics library. */
import { type BreakerReport, type BucketName, type BucketReport, problems as catalogue, type ProblemCode } from '../core/index.ts'
import { type FamilyOptions, family, type Lines } from '../telemetry/index.ts'
import { Counters } from './counters.ts'
import { type Durations, type Histogram, phaseNames } from './durations.ts'
import { type UsageStation, unidentified } from './usage.ts'

export interface UsageSeriesOptions {
  readonly usage: Pick<UsageStation, 'counted'>
  /** Of the manifests in force. */
  readonly names: () => readonly string[]
  readonly limits: {
    isUsed(integration: string): boolean
    report(integration: string): readonly BucketReport[]
    breakers(integration: string): readonly BreakerReport[]
  }
}

/** Of all that ask for nothing. */
const idle = new Counters()

const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const

/**
 * The series of docs/reference/metrics.md that are labelled by integration, one integration after the other; labels are bounded
 * by the manifests. Buckets and durations are those of integrations that have asked for something: 30 series and more for
 * each that never did would be most of what a scrape gives.
 */
export function* usageSeries({ usage, names, limits }: UsageSeriesOptions): Lines {
  const known = names()
  const all = usage.counted(unidentified) === null ? known : [...known, unidentified]

  const counted = (name: string, type: FamilyOptions<string>['type'], help: string, lines: (of: Counters, label: string) => string) =>
    family({ name, type, help, of: all, lines: (integration) => lines(usage.counted(integration) ?? idle, `integration="${integration}"`) })
  yield* counted(
    'sallyport_requests_total',
    'counter',
    'Requests by how they ended: allowed, denied, limited, refused, failed, aborted.',
    ({ requests }, label) => {
      let text = ''
      for (const result in requests)
        text += `sallyport_requests_total{${label},result="${result}"} ${requests[result as keyof typeof requests]}\n`
      return text
    },
  )
  yield* counted(
    'sallyport_origin_errors_total',
    'counter',
    'Allowed requests that the destination itself answered with 5xx.',
    ({ originErrors }, label) => `sallyport_origin_errors_total{${label}} ${originErrors}\n`,
  )
  yield* counted(
    'sallyport_problems_total',
    'counter',
    'The gateway’s own refusals, and what broke answers off, by code and whose doing they are.',
    ({ problems }, label) => {
      let text = ''
      for (const code in problems)
        text += `sallyport_problems_total{${label},code="${code}",side="${catalogue[code as ProblemCode].side}"} ${problems[code as ProblemCode]}\n`
      return text
    },
  )
  yield* counted(
    'sallyport_bytes_total',
    'counter',
    'Body and tunnel bytes; out is from the integration to its destinations.',
    ({ sentBytes, receivedBytes }, label) =>
      `sallyport_bytes_total{${label},direction="out"} ${sentBytes}\nsallyport_bytes_total{${label},direction="in"} ${receivedBytes}\n`,
  )
  const total = (name: string, help: string, read: (of: Counters) => Durations) =>
    counted(name, 'histogram', help, (of, label) => histogramLines(name, label, read(of).total))
  const phases = (name: string, help: string, read: (of: Counters) => Durations) =>
    counted(name, 'histogram', help, (of, label) => {
      const durations = read(of)
      return phaseNames.map((phase) => histogramLines(name, `${label},phase="${phase}"`, durations.phases[phase])).join('')
    })
  const exchanges = (of: Counters) => of.exchanges
  const takeovers = (of: Counters) => of.takeovers
  yield* total('sallyport_request_duration_seconds', 'Arrival to last byte of allowed requests.', exchanges)
  yield* phases('sallyport_request_phase_duration_seconds', 'Phases of requests: policy, queue, connect, first_byte.', exchanges)
  yield* total('sallyport_connection_duration_seconds', 'Arrival to end of allowed tunnels and WebSockets.', takeovers)
  yield* phases(
    'sallyport_connection_phase_duration_seconds',
    'Phases of tunnels and WebSockets: policy, queue, connect, first_byte.',
    takeovers,
  )

  const used = known.filter(limits.isUsed)
  const bucket = (name: string, type: FamilyOptions<string>['type'], help: string, figure: (bucket: BucketReport) => number) =>
    family({
      ...{ name, type, help, of: used },
      lines: (integration) => {
        let text = ''
        for (const report of limits.report(integration)) text += bucketLine(name, integration, report.bucket, figure(report))
        return text
      },
    })
  yield* bucket('sallyport_bucket_level', 'gauge', 'Tokens in a bucket; negative in debt.', ({ level }) => level)
  yield* bucket('sallyport_bucket_capacity', 'gauge', 'Tokens a bucket holds at most.', ({ capacity }) => capacity)
  yield* bucket(
    'sallyport_bucket_refill_per_second',
    'gauge',
    'Tokens that come back to a bucket each second; 0 for concurrency.',
    ({ refillPerSecond }) => refillPerSecond,
  )
  yield* bucket(
    'sallyport_bucket_consumed_total',
    'counter',
    'Tokens taken out of a bucket.',
    // What was prepaid and given back can leave less than there was.
    ({ consumed }) => Math.max(0, consumed),
  )
  yield* bucket('sallyport_bucket_allowed_total', 'counter', 'Admissions that a bucket let pass.', ({ allowed }) => allowed)
  yield* bucket('sallyport_bucket_limited_total', 'counter', 'Admissions that a bucket refused.', ({ limited }) => limited)
  yield* family({
    name: 'sallyport_breakers',
    type: 'gauge',
    help: 'Breakers that are not closed, by state: 1 half-open, 2 open; the most open of an integration.',
    of: known,
    lines: (integration) => {
      let most = 0
      for (const { state } of limits.breakers(integration)) most = Math.max(most, breakerStates[state])
      return `sallyport_breakers{integration="${integration}"} ${most}\n`
    },
  })
}

function bucketLine(name: string, integration: string, bucket: BucketName, value: number): string {
  return `${name}{integration="${integration}",bucket="${bucket}"} ${value}\n`
}

/** Of one integration, at one moment; nothing before the first observation. */
function histogramLines(name: string, label: string, { boundsSeconds, counts, count, sumSeconds }: Histogram): string {
  if (count === 0) return ''
  let text = ''
  let below = 0
  for (let index = 0; index < counts.length; index += 1) {
    below += counts[index] as number
    text += `${name}_bucket{${label},le="${boundsSeconds[index] ?? '+Inf'}"} ${below}\n`
  }
  return `${text}${name}_sum{${label}} ${sumSeconds}\n${name}_count{${label}} ${count}\n`
}
