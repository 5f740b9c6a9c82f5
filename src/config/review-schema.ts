/** The schema of `audit.review`: checks over the records of the log, on a schedule. */
import { z } from 'zod'
import { duration } from './quantities.ts'
import { plainUrl } from './remote.ts'
import type { Sourced } from './sourced-schema.ts'

/** Where runs and findings are posted to; plain values, which are passed to another process. */
export interface WebhookConfig {
  readonly url: string
  /** What messages are signed with; `null`: nothing. */
  readonly secret: string | null
  /** PEM; `null`: the system's. */
  readonly ca: string | null
  readonly timeoutMs: number
}

export interface ReviewConfig {
  readonly everyMs: number
  /** Folder of checks beside the shipped ones; `null`: none. */
  readonly checks: string | null
  /** File with what replaces parts of `data.review`; `null`: none. */
  readonly settings: string | null
  /** `null`: findings are recorded and logged only. */
  readonly webhook: WebhookConfig | null
}

export const reviewSchema = ({ path, folder, secret, certificateText }: Sourced) =>
  z.strictObject({
    every: duration()
      .refine((everyMs) => everyMs >= 1000, 'a review may run once a second at most')
      .describe('Time between two reviews; each looks at what was recorded since the one before.'),
    checks: folder('Folder of Rego checks beside those that are shipped. None where absent.').optional(),
    settings: path('JSON or YAML file with what replaces parts of `data.review`, such as the office hours.').optional(),
    webhook: z
      .strictObject({
        url: plainUrl().describe('Where each run and each new finding is posted to.'),
        secret: secret('What messages are signed with (Standard Webhooks: `webhook-signature`). Unsigned where absent.').optional(),
        ca: certificateText('PEM file of the only CAs that its certificate may come from; the system’s where absent.').optional(),
        timeout: duration().describe('Time for the connection, and for the head of its answer.').prefault('10s'),
      })
      .describe('A receiver of runs and findings. What it does not take is posted again after the next review.')
      .optional(),
  })

export function reviewFrom(given: z.output<ReturnType<typeof reviewSchema>> | undefined): ReviewConfig | null {
  if (given === undefined) return null
  const { every: everyMs, checks, settings, webhook } = given
  return { everyMs, checks: checks ?? null, settings: settings ?? null, webhook: webhook === undefined ? null : webhookFrom(webhook) }
}

type Webhook = NonNullable<z.output<ReturnType<typeof reviewSchema>>['webhook']>

function webhookFrom({ url, secret, ca, timeout }: Webhook): WebhookConfig {
  return { url, secret: secret ?? null, ca: ca ?? null, timeoutMs: timeout }
}
