/** Joins what is exported to a collector: spans as requests settle, and metrics at each interval. */
import type { OtlpConfig } from '../config/index.ts'
import type { RedactionSettings, TraceparentMode, Tracing } from '../core/index.ts'
import { createPassedTrace, type Logger, type Metrics } from '../telemetry/index.ts'
import type { Mask } from './attributes.ts'
import { createCollector } from './export.ts'
import { quote, resourceText, type Source } from './json-text.ts'
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

export function startOtlp({ config, traceparent, source, maskOf, metrics, logger }: OtlpOptions): OtlpExport {
  const collector = createCollector(config)
  const resource = resourceText({ ...source, attributes: config.attributes })
  const scope = `{"name":"sallyport","version":${quote(source.version)}}`
  const { traces } = config
  if (traces === null) return { tracing: createPassedTrace(traceparent), close: () => collector.close() }

  const spansOf = metrics.labelledCounter('sallyport_traces_total', 'Requests with spans by what became of those.', 'outcome', [
    'exported',
    'dropped',
    'refused',
  ])
  const queue = createSpanQueue({
    ...{ collector, maxBytes: traces.maxQueueBytes, intervalMs: config.intervalMs },
    bodyOf: (spans) =>
      `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(',')}]}],"schemaUrl":"${schemaUrl}"}]}`,
    onEnd: (outcome, requests) => spansOf.inc({ outcome }, requests),
    onProblem: (problem) =>
      problem === null ? logger.info('the collector takes spans again') : logger.warn({ problem }, 'spans are not exported'),
  })
  return {
    tracing: createTracing({
      ...{ queue, ratio: traces.ratio, maskOf, traceparent },
      onBug: (error) => logger.error({ err: error }, 'the spans of a request cannot be made'),
    }),
    async close(withinMs) {
      await queue.close(withinMs)
      await collector.close()
    },
  }
}
