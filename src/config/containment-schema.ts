/** What sallyport.yaml says of containment. */
import { z } from 'zod'

export const containmentSchema = z.strictObject({
  throttle: z
    .number()
    .min(0.001)
    .max(1)
    .describe(
      'What an integration that is throttled keeps of the rates of its buckets, of what is in them, and of its concurrency; 0.001 to 1. At least one request may be open.',
    )
    .prefault(0.1),
  approval: z
    .array(z.enum(['killed', 'lift']))
    .describe(
      'What a second operator has to approve: `killed`, that an integration is killed, which is suspended until then; `lift`, that one which is suspended or killed is not any more. What the kill switch kills needs none.',
    )
    .prefault([]),
})

export type ContainmentConfig = z.output<typeof containmentSchema>
