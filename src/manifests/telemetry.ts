/** What a manifest says of traces. */
import { z } from 'zod'
import { traceparent } from '../config/index.ts'
import type { TelemetrySettings } from '../core/index.ts'

export const telemetrySchema = z
  .strictObject({
    traceparent: traceparent()
      .describe('As `telemetry.traceparent` of sallyport.yaml, which holds where it is absent: `unchanged`, `continue` or `remove`.')
      .optional(),
  })
  .describe('What destinations are told of traces.')

export function telemetryFrom({ traceparent }: z.output<typeof telemetrySchema>): TelemetrySettings {
  return { ...(traceparent !== undefined && { traceparent }) }
}
