/** Sinks that are asked over HTTP. */
import { z } from 'zod'
import { credentialKeys, plainUrl, tlsKeys } from '../remote.ts'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys } from './shared-keys.ts'

export const webhookSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z.literal('webhook').describe('POST of JSON arrays, signed as a webhook.'),
    ...commonKeys(sourced),
    url: plainUrl().describe('Where batches are posted.'),
    ...credentialKeys(sourced),
    ...tlsKeys(sourced),
    signing: sourced.secret('Key of `webhook-signature` (HMAC-SHA256, standardwebhooks.com). Not signed where absent.').optional(),
    gzip: z.boolean().describe('Whether bodies are compressed (`Content-Encoding: gzip`).').prefault(true),
  })
