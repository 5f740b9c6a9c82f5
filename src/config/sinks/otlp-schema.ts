/** Sinks that speak OpenTelemetry's protocol. */
import { z } from 'zod'
import { serverSchema } from '../policy-schema.ts'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys } from './shared-keys.ts'

/** Of OpenTelemetry's semantic conventions. */
const attributeName = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/
const own = new Set(['service.instance.id'])

export const otlpSchema = (sourced: Sourced) => {
  const { url: _url, name: _name, timeout: _timeout, ...server } = serverSchema(sourced).shape
  return z.strictObject({
    type: z.literal('otlp').describe('OpenTelemetry logs, over OTLP/HTTP in protobuf.'),
    ...commonKeys(sourced),
    url: serverSchema(sourced).shape.url.describe('The collector’s base URL, such as `https://collector:4318`; `/v1/logs` is appended.'),
    ...server,
    compression: z.enum(['gzip', 'none']).describe('How requests are compressed.').prefault('gzip'),
    attributes: z
      .record(
        z
          .string()
          .regex(attributeName, 'expected the name of an attribute, such as "deployment.environment.name"')
          .refine((name) => !own.has(name), 'it is the log’s origin'),
        z.string().max(1024),
      )
      .describe(
        'Attributes of the resource beside `service.name` (`sallyport`, unless it is here), `service.version` and `service.instance.id`, the log’s origin.',
      )
      .prefault({}),
  })
}
