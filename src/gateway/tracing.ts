/** Joins the tracing station: spans where a collector is configured, and what destinations are told of traces in any case. */
import type { Config } from '../config/index.ts'
import type { RedactionSettings, Tracing } from '../core/index.ts'
import { createPassedTrace, type Logger, type Metrics } from '../telemetry/index.ts'
import { version } from '../version.ts'

interface Mask {
  text(text: string): string
  query(query: string): string
}

export interface TracingOptions {
  readonly config: Config
  /** Of the log. */
  readonly origin: string
  readonly mask: Mask & { of(own: RedactionSettings): Mask }
  readonly metrics: Metrics
  readonly logger: Logger
}

/** A collector that does not answer keeps the end of the gateway for no longer than this. */
const closeMs = 5000

export async function startTracing({ config, origin, mask, metrics, logger }: TracingOptions): Promise<{
  readonly tracing: Tracing
  close(): Promise<void>
}> {
  const { otlp, traceparent } = config.telemetry
  if (otlp === null) return { tracing: createPassedTrace(traceparent), close: async () => {} }
  const { startOtlp } = await import('../otlp/index.ts')
  const started = startOtlp({
    ...{ config: otlp, traceparent, metrics, logger, source: { version, instance: origin } },
    maskOf: (own) => (own === null ? mask : mask.of(own)),
  })
  return { tracing: started.tracing, close: () => started.close(closeMs) }
}
