/** What a manifest says of traces. */
import { z } from 'zod'
import { traceparent } from '../config/index.ts'
import type { TelemetrySettings } from '../core/index.ts'

export const telemetrySchema = z
  .strictObject({
    traceparent: traceparent()
      .describe('As `telemetry.traceparent` of sallyport.yaml, which holds where it is absent: `unchanged`, `continue` or `remove`.')
      .optional(),
    serverTiming: z
      .boolean()
      .describe(
        'Each reply, but for those that open a tunnel or a WebSocket, says in `Server-Timing` how long the stations of its path took, and its share of the processor. Default false.',
      )
      .optional(),
  })
  .describe('What destinations are told of traces, and the integration of times.')

export function telemetryFrom({ traceparent, serverTiming }: z.output<typeof telemetrySchema>): TelemetrySettings {
  return { ...(traceparent !== undefined && { traceparent }), ...(serverTiming === true && { serverTiming }) }
}
