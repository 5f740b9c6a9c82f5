/** Usage as Prometheus series, read from plain counters at a scrape: the hot path calls no metrics library. */
import { type BreakerReport, type BucketReport, problems as catalogue, type ProblemCode } from '../core/index.ts'
import { type FamilyOptions, type Format, family, type Labels, type Lines } from '../telemetry/index.ts'
import { Counters } from './counters.ts'
import { type Durations, phaseNames } from './durations.ts'
import { type UsageStation, unidentified } from './usage.ts'

export interface UsageSeriesOptions {
  readonly format: Format
  readonly usage: Pick<UsageStation, 'counted'>
  /** Of the manifests in force. */
  readonly names: () => readonly string[]
  readonly limits: {
    isUsed(integration: string): boolean
    report(integration: string): readonly BucketReport[]
    breakers(integration: string): readonly BreakerReport[]
  }
}

type Type = FamilyOptions<string>['type']

/** Of all that ask for nothing. */
const idle = new Counters()

const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const

/**
 * The series of docs/reference/metrics.md that are labelled by integration, one integration after the other; labels are bounded
 * by the manifests. Buckets, durations and sizes are those of integrations that have asked for something: 50 series and more for
 * each that never did would be most of what a scrape gives.
 */
export function* usageSeries({ format, usage, names, limits }: UsageSeriesOptions): Lines {
  const known = names()
  const all = usage.counted(unidentified) === null ? known : [...known, unidentified]

  const counted = (name: string, type: Type, help: string, lines: (of: Counters, labels: Labels) => string) =>
    family({
      ...{ format, name, type, help, of: all },
      lines: (integration) => lines(usage.counted(integration) ?? idle, ['integration', integration]),
    })
  yield* counted(
    'sallyport_requests_total',
    'counter',
    'Requests by how they ended: allowed, denied, limited, refused, failed, aborted.',
    ({ requests }, labels) => {
      let text = ''
      for (const result in requests)
        text += format.number('sallyport_requests_total', [...labels, 'result', result], requests[result as keyof typeof requests])
      return text
    },
  )
  yield* counted(
    'sallyport_origin_errors_total',
    'counter',
    'Allowed requests that the destination itself answered with 5xx.',
    ({ originErrors }, labels) => format.number('sallyport_origin_errors_total', labels, originErrors),
  )
  yield* counted(
    'sallyport_problems_total',
    'counter',
    'The gateway’s own refusals, and what broke answers off, by code and whose doing they are.',
    ({ problems }, labels) => {
      let text = ''
      for (const code in problems) {
        const { side } = catalogue[code as ProblemCode]
        text += format.number('sallyport_problems_total', [...labels, 'code', code, 'side', side], problems[code as ProblemCode] ?? 0)
      }
      return text
    },
  )
  yield* counted(
    'sallyport_bytes_total',
    'counter',
    'Body and tunnel bytes; out is from the integration to its destinations.',
    ({ sentBytes, receivedBytes }, labels) =>
      format.number('sallyport_bytes_total', [...labels, 'direction', 'out'], sentBytes) +
      format.number('sallyport_bytes_total', [...labels, 'direction', 'in'], receivedBytes),
  )
  const sizes = 'sallyport_exchange_size_bytes'
  yield* counted(
    sizes,
    'histogram',
    'Body and tunnel bytes of each allowed request, each way.',
    (of, labels) =>
      format.histogram(sizes, [...labels, 'direction', 'out'], of.sizes.out) +
      format.histogram(sizes, [...labels, 'direction', 'in'], of.sizes.in),
  )
  yield* durationSeries(format, counted)
  yield* bucketSeries(format, known.filter(limits.isUsed), limits.report)
  yield* family({
    format,
    name: 'sallyport_breakers',
    type: 'gauge',
    help: 'Breakers that are not closed, by state: 1 half-open, 2 open; the most open of an integration.',
    of: known,
    lines: (integration) => {
      let most = 0
      for (const { state } of limits.breakers(integration)) most = Math.max(most, breakerStates[state])
      return format.number('sallyport_breakers', ['integration', integration], most)
    },
  })
}

function* durationSeries(
  format: Format,
  counted: (name: string, type: Type, help: string, lines: (of: Counters, labels: Labels) => string) => Lines,
): Lines {
  const total = (name: string, help: string, read: (of: Counters) => Durations) =>
    counted(name, 'histogram', help, (of, labels) => format.histogram(name, labels, read(of).total))
  const phases = (name: string, help: string, read: (of: Counters) => Durations) =>
    counted(name, 'histogram', help, (of, labels) => {
      const durations = read(of)
      return phaseNames.map((phase) => format.histogram(name, [...labels, 'phase', phase], durations.phases[phase])).join('')
    })
  const all = phaseNames.join(', ')
  const exchanges = (of: Counters) => of.exchanges
  const takeovers = (of: Counters) => of.takeovers
  yield* total('sallyport_request_duration_seconds', 'Arrival to last byte of allowed requests.', exchanges)
  yield* phases('sallyport_request_phase_duration_seconds', `Phases of requests: ${all}.`, exchanges)
  yield* total('sallyport_connection_duration_seconds', 'Arrival to end of allowed tunnels and WebSockets.', takeovers)
  yield* phases('sallyport_connection_phase_duration_seconds', `Phases of tunnels and WebSockets: ${all}.`, takeovers)
}

function* bucketSeries(format: Format, used: readonly string[], report: (integration: string) => readonly BucketReport[]): Lines {
  const bucket = (name: string, type: Type, help: string, figure: (bucket: BucketReport) => number) =>
    family({
      ...{ format, name, type, help, of: used },
      lines: (integration) => {
        let text = ''
        for (const found of report(integration))
          text += format.number(name, ['integration', integration, 'bucket', found.bucket], figure(found))
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
}
