/** The schema of what is told to OpenTelemetry: spans and metrics, and the trace that destinations are told of. */
import { z } from 'zod'
import { type TraceparentMode, traceparentModes } from '../core/index.ts'
import type { ServerConfig } from './policy-config.ts'
import { serverFrom, serverSchema } from './policy-schema.ts'
import { duration, size } from './quantities.ts'
import type { Sourced } from './sourced-schema.ts'

export interface TelemetryConfig {
  /** Of integrations whose manifest says nothing else. */
  readonly traceparent: TraceparentMode
  /** `null`: nothing is exported. */
  readonly otlp: OtlpConfig | null
}

export interface OtlpConfig {
  readonly server: ServerConfig
  readonly intervalMs: number
  readonly isCompressed: boolean
  readonly attributes: Readonly<Record<string, string>>
  readonly traces: {
    /** Of requests that were allowed and came to their end: the share whose spans are exported; of all others they all are. */
    readonly ratio: number
    readonly maxQueueBytes: number
  } | null
  readonly metrics: { readonly intervalMs: number } | null
}

const kibi = 1024

/** Of OpenTelemetry's semantic conventions. */
export const attributesSchema = (own: ReadonlySet<string>, whose: string) =>
  z.record(
    z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9._-]{0,127}$/, 'expected the name of an attribute, such as "deployment.environment.name"')
      .refine((name) => !own.has(name), whose),
    z.string().max(1024),
  )

export const traceparent = () => z.enum(traceparentModes)

export const telemetrySchema = (sourced: Sourced) => {
  const { url: _url, name: _name, timeout: _timeout, ...server } = serverSchema(sourced).shape
  const otlp = z.strictObject({
    endpoint: serverSchema(sourced).shape.url.describe(
      'The collector’s base URL, such as `https://collector:4318`; `/v1/traces` and `/v1/metrics` are appended.',
    ),
    ...server,
    timeout: duration().describe('How long the collector may take for one export; then it is tried again.').prefault('10s'),
    interval: duration()
      .describe('Time between two exports of spans; they are exported before it where half a mebibyte of them waits.')
      .prefault('5s'),
    compression: z.enum(['gzip', 'none']).describe('How requests are compressed.').prefault('gzip'),
    attributes: attributesSchema(new Set(['service.instance.id']), 'it is the log’s origin')
      .describe(
        'Attributes of the resource beside `service.name` (`sallyport`, unless it is here), `service.version` and `service.instance.id`, the log’s origin.',
      )
      .prefault({}),
    traces: z
      .union([
        z.literal('off'),
        z.strictObject({
          ratio: z
            .number()
            .min(0)
            .max(1)
            .describe(
              'The share of requests whose spans are exported, chosen by trace id; 0 to 1. Those of denials, refusals, failures and replies that broke off always are.',
            )
            .prefault(0.1),
          queue: size(64 * kibi, 1024 * kibi * kibi)
            .describe(
              'Spans that may wait, as JSON; 64KiB to 1GiB. What does not fit is dropped and counted; no integration has more than is left free.',
            )
            .prefault('16MiB'),
        }),
      ])
      .describe('A span of each request, and one of each station of its path; or `off`.')
      .prefault({}),
    metrics: z
      .union([
        z.literal('off'),
        z.strictObject({ interval: duration().describe('Time between two exports of all metrics.').prefault('60s') }),
      ])
      .describe('The metrics of /metrics, and durations as OpenTelemetry’s conventions for HTTP name them; or `off`.')
      .prefault({}),
  })
  return z.strictObject({
    traceparent: traceparent()
      .describe(
        'The `traceparent` and `tracestate` that destinations are sent, of integrations whose manifest does not say. `unchanged`: as the caller sent them. `continue`: the trace goes on from the gateway’s own span, and is begun where the caller names none; with `otlp.traces` alone, `unchanged` otherwise. `remove`: none, so that a destination learns of no trace.',
      )
      .prefault('unchanged'),
    otlp: otlp.describe('Spans and metrics are exported over OTLP/HTTP, in JSON. Off where absent.').optional(),
  })
}

export function telemetryFrom({ traceparent, otlp }: z.output<ReturnType<typeof telemetrySchema>>): TelemetryConfig {
  if (otlp === undefined) return { traceparent, otlp: null }
  const { endpoint, interval, compression, attributes, traces, metrics, ...server } = otlp
  return {
    traceparent,
    otlp: {
      server: serverFrom({ ...server, name: 'telemetry.otlp', url: endpoint }),
      intervalMs: interval,
      isCompressed: compression === 'gzip',
      attributes,
      metrics: metrics === 'off' ? null : { intervalMs: metrics.interval },
      traces: traces === 'off' ? null : { ratio: traces.ratio, maxQueueBytes: traces.queue },
    },
  }
}
