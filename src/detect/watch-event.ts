/** What the gateway says of itself, beside what integrations do. */
import type { JsonObject } from '../core/index.ts'

export interface WatchEvent {
  readonly type: 'breaker' | 'quota' | 'disk' | 'log' | 'certificate' | 'token' | 'reference' | 'sink'
  readonly integration: string | null
  readonly destination: string | null
  /** The event's own: `state` of a breaker, `used` and `limit` of a quota, `expiresAt` of a certificate. */
  readonly facts: JsonObject
  /** Milliseconds since the epoch. */
  readonly at: number
}
