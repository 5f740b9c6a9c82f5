/** What webhooks share: how a message is signed, and how long a receiver asks to be left alone. */
import { createHmac } from 'node:crypto'

export interface WebhookMessage {
  /** The same at each attempt, so that a repetition is known. */
  readonly id: string
  /** As it is before it is compressed. */
  readonly body: Uint8Array | string
  /** `null`: not signed. `whsec_` and base64 as the standard has it; any other text is the key itself. */
  readonly secret: string | null
  /** Of this attempt; since the epoch. */
  readonly nowMs: number
}

/** Standard Webhooks 1.0 (https://www.standardwebhooks.com): over TLS the secret proves the sender, and the time that it is no old message. */
export function webhookHeaders({ id, body, secret, nowMs }: WebhookMessage): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const named = { 'webhook-id': id, 'webhook-timestamp': timestamp }
  if (secret === null) return named
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return { ...named, 'webhook-signature': `v1,${signature}` }
}

/** A receiver that asks for a year is asked again within the hour. */
const maxPauseMs = 3_600_000

/** As the header says it, in seconds or as a date (RFC 9110 §10.2.3); zero where it says nothing. */
export function retryAfterMs(header: string | readonly string[] | undefined): number {
  const text = String(header)
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), maxPauseMs)
}
