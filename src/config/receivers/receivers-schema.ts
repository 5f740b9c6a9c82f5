/** The schema of `watch.receivers`: who is told of alerts, one variant for each type. */
import { z } from 'zod'
import { besides, refuseTwins } from '../endpoints.ts'
import { duration } from '../quantities.ts'
import { credentialKeys, isPlainUrl, plainUrl, tlsKeys } from '../remote.ts'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys, remindAfter } from './shared-keys.ts'

const webhookSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z.literal('webhook').describe('POST of JSON, signed as a webhook.'),
    ...commonKeys(),
    url: plainUrl().describe('Where messages are posted.'),
    secret: sourced.secret('Key of `webhook-signature` (HMAC-SHA256, standardwebhooks.com). Not signed where absent.').optional(),
    remindAfter: remindAfter(),
    ...credentialKeys(sourced),
    ...tlsKeys(sourced),
  })

/** Of Prometheus; what begins with two underscores is its own. */
const labelName = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/
const ownLabels = new Set(['alertname', 'severity', 'integration', 'destination', 'owner', 'gateway'])

const alertmanagerSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z.literal('alertmanager').describe('Prometheus Alertmanager, API v2.'),
    ...commonKeys(),
    url: plainUrl().describe('Its base URL, such as `http://alertmanager:9093`; `/api/v2/alerts` is appended.'),
    resend: duration()
      .describe(
        'Alerts that are active are sent again after this time; Alertmanager takes one for resolved that is not sent for four times as long.',
      )
      .prefault('1m'),
    labels: z
      .record(
        z
          .string()
          .regex(labelName, 'expected the name of a label: letters, digits and "_"')
          .refine((label) => !ownLabels.has(label), 'this label is of the alert itself'),
        z.string().max(1024),
      )
      .describe('Labels of every alert beside `alertname`, `severity`, `integration`, `destination`, `owner` and `gateway`.')
      .prefault({}),
    ...credentialKeys(sourced),
    ...tlsKeys(sourced),
  })

const slackSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z
      .literal('slack')
      .describe('An incoming webhook of Slack, or of what takes the same messages (Mattermost, Rocket.Chat, Discord’s `/slack`).'),
    ...commonKeys(),
    url: sourced
      .secret('Its URL, which is a secret.')
      .refine(isPlainUrl, 'expected an http:// or https:// URL without user, password, query and fragment'),
    remindAfter: remindAfter(),
    ...tlsKeys(sourced),
  })

const receiverSchema = (sourced: Sourced) =>
  z.discriminatedUnion('type', [webhookSchema(sourced), alertmanagerSchema(sourced), slackSchema(sourced)], {
    error: ({ code }) => (code === 'invalid_union' ? 'expected a "type" of those that docs/watch/alerts.md lists' : undefined),
  })

export const receiversSchema = (sourced: Sourced) =>
  z.array(receiverSchema(sourced)).superRefine(refuseTwins, besides).describe('Who is told of alerts.').prefault([])

/** As sallyport.yaml states it, with its defaults; durations in milliseconds. Plain values, which are passed to another process. */
export type ReceiverConfig = z.output<ReturnType<typeof receiverSchema>>
