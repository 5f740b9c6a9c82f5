/** `retries` of a capability, and what of a capability on timing has no meaning in its mode of TLS. */
import { z } from 'zod'
import { duration, type TimeoutsFile } from '../config/index.ts'
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

interface Timed {
  readonly timeouts?: TimeoutsFile | undefined
  readonly retries?: RetriesFile | undefined
}

/** What the gateway takes no part in has no timeout, and is not tried again. */
export function requireTimeable(tls: string, { timeouts, retries }: Timed, context: z.RefinementCtx): void {
  const refuse = (name: keyof TimeoutsFile, message: string) => {
    if (timeouts?.[name] !== undefined) context.addIssue({ code: 'custom', path: ['timeouts', name], message })
  }
  if (tls === 'none') refuse('tls', 'without TLS there is no handshake: leave it out')
  if (tls !== 'tunnel') return
  refuse('tls', 'in a blind tunnel the handshake is the caller’s: leave it out, or use "tls: intercept"')
  refuse('firstByte', 'in a blind tunnel no reply is seen: leave it out, or use "tls: intercept"')
  const message = 'in a blind tunnel no request is seen: leave it out, or use "tls: intercept"'
  if (retries !== undefined) context.addIssue({ code: 'custom', path: ['retries'], message })
}
