/** Joins what is exported to a collector: spans as requests settle, and metrics at each interval. */
import type { OtlpConfig } from '../config/index.ts'
import type { RedactionSettings, TraceparentMode, Tracing } from '../core/index.ts'
import { createPassedTrace, type Format, type Logger, type Metrics } from '../telemetry/index.ts'
import type { Mask } from './attributes.ts'
import { type Collector, createCollector } from './export.ts'
import { createHttpDurations, type HttpDurations } from './http-durations.ts'
import { quote, resourceText, type Source } from './json-text.ts'
import { startMetricExport } from './metric-export.ts'
import { createSpanQueue } from './span-queue.ts'
import { createTracing } from './tracing.ts'

export interface OtlpOptions {
  readonly config: OtlpConfig
  readonly traceparent: TraceparentMode
  readonly source: Omit<Source, 'attributes'>
  /** For what one integration sent; `null` for callers that proved none. */
  readonly maskOf: (own: RedactionSettings | null) => Mask
  readonly metrics: Metrics
  readonly logger: Logger
}

export interface OtlpExport {
  readonly tracing: Tracing
  /** What waits is sent if that can be done within this time. Never rejects. */
  close(withinMs: number): Promise<void>
}

/** Of the semantic conventions that the attributes are named by. */
const schemaUrl = 'https://opentelemetry.io/schemas/1.37.0'

export function startOtlp(options: OtlpOptions): OtlpExport {
  const { config, source, traceparent } = options
  const collector = createCollector(config)
  const resource = resourceText({ ...source, attributes: config.attributes })
  const scope = `{"name":"sallyport","version":${quote(source.version)}}`
  const bodyOf = (kind: 'Spans' | 'Metrics', list: 'spans' | 'metrics') => {
    const before = Buffer.from(`{"resource${kind}":[{"resource":${resource},"scope${kind}":[{"scope":${scope},"${list}":[`)
    const behind = Buffer.from(`]}],"schemaUrl":"${schemaUrl}"}]}`)
    return (elements: Buffer) => Buffer.concat([before, elements, behind])
  }
  const spans = startSpans(options, collector, bodyOf('Spans', 'spans'))
  const durations = config.metrics === null ? null : createHttpDurations()
  const metrics = durations === null ? null : startMetrics(options, collector, durations, bodyOf('Metrics', 'metrics'))
  return {
    tracing:
      durations === null ? (spans?.tracing ?? createPassedTrace(traceparent)) : counting(spans?.tracing ?? null, durations, traceparent),
    async close(withinMs) {
      await Promise.all([spans?.close(withinMs), metrics?.close(withinMs)])
      await collector.close()
    },
  }
}

/** Every request is counted, whether it has spans or not. */
function counting(tracing: Tracing | null, durations: HttpDurations, traceparent: TraceparentMode): Tracing {
  const { outgoing } = tracing ?? createPassedTrace(traceparent)
  return {
    outgoing,
    settled(ended) {
      durations.settled(ended)
      return tracing?.settled?.(ended) ?? ended.decision !== null
    },
  }
}

function startSpans(
  { config, traceparent, maskOf, metrics, logger }: OtlpOptions,
  collector: Collector,
  bodyOf: (spans: Buffer) => Buffer,
) {
  const { traces, intervalMs } = config
  if (traces === null) return null
  const outcomes = ['exported', 'dropped', 'refused']
  const spansOf = metrics.labelledCounter('sallyport_traces_total', 'Requests with spans by what became of those.', 'outcome', outcomes)
  const queue = createSpanQueue({
    ...{ collector, maxBytes: traces.maxQueueBytes, intervalMs, bodyOf },
    onEnd: (outcome, requests) => spansOf.inc({ outcome }, requests),
    onProblem: sayProblems('spans', logger),
  })
  const onBug = (error: unknown) => logger.error({ err: error }, 'the spans of a request cannot be made')
  return { tracing: createTracing({ queue, ratio: traces.ratio, maskOf, traceparent, onBug }), close: queue.close }
}

function startMetrics(
  { config, metrics, logger }: OtlpOptions,
  collector: Collector,
  durations: HttpDurations,
  bodyOf: (metrics: Buffer) => Buffer,
) {
  const rounds = metrics.labelledCounter('sallyport_metric_exports_total', 'Exports of all metrics to the collector.', 'outcome', [
    'exported',
    'failed',
  ])
  async function* series(format: Format): AsyncGenerator<string> {
    yield* metrics.series(format)
    for (const lines of durations.lines(format)) yield lines
  }
  return startMetricExport({
    ...{ collector, series, bodyOf, intervalMs: config.metrics?.intervalMs ?? 0 },
    onRound: (outcome) => rounds.inc({ outcome }),
    onProblem: sayProblems('metrics', logger),
  })
}

function sayProblems(what: string, logger: Logger): (problem: string | null) => void {
  return (problem) =>
    problem === null ? logger.info(`the collector takes ${what} again`) : logger.warn({ problem }, `${what} are not exported`)
}
