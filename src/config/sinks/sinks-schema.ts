/** The schema of `audit.sinks`: one variant for each type. */
import { z } from 'zod'
import { besides, refuseTwins } from '../endpoints.ts'
import type { Sourced } from '../sourced-schema.ts'
import { fileSchema, stdoutSchema } from './file-schema.ts'
import { kafkaSchema } from './kafka-schema.ts'
import { otlpSchema } from './otlp-schema.ts'
import { syslogSchema } from './syslog-schema.ts'
import { webhookSchema } from './webhook-schema.ts'

const sinkSchema = (sourced: Sourced) =>
  z.discriminatedUnion(
    'type',
    [fileSchema(sourced), stdoutSchema(sourced), syslogSchema(sourced), webhookSchema(sourced), kafkaSchema(sourced), otlpSchema(sourced)],
    {
      error: ({ code }) => (code === 'invalid_union' ? 'expected a "type" of those that docs/audit/sinks.md lists' : undefined),
    },
  )

export const sinksSchema = (sourced: Sourced) => z.array(sinkSchema(sourced)).superRefine(refuseTwins, besides)

/** As sallyport.yaml states it, with its defaults; durations in milliseconds. */
export type SinkConfig = z.output<ReturnType<typeof sinkSchema>>
