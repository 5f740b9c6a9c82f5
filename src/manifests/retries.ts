/** `retries` of a capability. */
import { z } from 'zod'
import { duration } from '../config/index.ts'
import type { Retries } from '../core/index.ts'

export const retries = () =>
  z.strictObject({
    attempts: z.int().min(2).max(5).describe('How often a request is sent at most, the first time included; 2 to 5.'),
    backoff: duration()
      .refine((ms) => ms <= 60_000, 'a pause may be a minute at most')
      .describe(
        'The pause before the second attempt, of which a random half is left out; it doubles with each further one, up to 10 s. Default `100ms`.',
      )
      .optional(),
    budget: z
      .int()
      .min(1)
      .max(100)
      .describe('Retries among the requests of the integration to an origin, in percent, beyond a reserve of ten. Default 20.')
      .optional(),
  })

export type RetriesFile = z.output<ReturnType<typeof retries>>

export function retriesFrom({ attempts, backoff, budget }: RetriesFile): Retries {
  return { attempts, ...(backoff !== undefined && { backoffMs: backoff }), ...(budget !== undefined && { budgetPercent: budget }) }
}
