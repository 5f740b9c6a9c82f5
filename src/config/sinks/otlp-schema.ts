/** Sinks that speak OpenTelemetry's protocol. */
import { z } from 'zod'
import { serverSchema } from '../policy-schema.ts'
import type { Sourced } from '../sourced-schema.ts'
import { attributesSchema } from '../telemetry-schema.ts'
import { commonKeys } from './shared-keys.ts'

export const otlpSchema = (sourced: Sourced) => {
  const { url: _url, name: _name, timeout: _timeout, ...server } = serverSchema(sourced).shape
  return z.strictObject({
    type: z.literal('otlp').describe('OpenTelemetry logs, over OTLP/HTTP in protobuf.'),
    ...commonKeys(sourced),
    url: serverSchema(sourced).shape.url.describe('The collector’s base URL, such as `https://collector:4318`; `/v1/logs` is appended.'),
    ...server,
    compression: z.enum(['gzip', 'none']).describe('How requests are compressed.').prefault('gzip'),
    attributes: attributesSchema(new Set(['service.instance.id']), 'it is the log’s origin')
      .describe(
        'Attributes of the resource beside `service.name` (`sallyport`, unless it is here), `service.version` and `service.instance.id`, the log’s origin.',
      )
      .prefault({}),
  })
}
