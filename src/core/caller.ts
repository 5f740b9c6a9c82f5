/** Who calls, through which door, and the caller's end of the line. */
import type { Integration } from './integration.ts'

/** The ways in. A door turns bytes into an `Arrival` and a `Reply` back into bytes; `policy` is where rules ask (core/outside.ts). */
export type DoorName = 'proxy' | 'connect' | 'intercept' | 'services' | 'broker' | 'policy'

/** How a caller proved which integration it is; never by an ordinary header. `policy`: it is the policy itself, under the name granted to it. */
export type IdentityKind = 'listener' | 'token' | 'policy'

export interface Identified {
  readonly integration: Integration
  readonly identity: IdentityKind
  /** An operator lets it do nothing, until then (ISO 8601) where there is an end. */
  readonly suspended?: { readonly until: string | null }
}

/**
 * The caller's end of the line. Cheaper than an AbortController a request: most requests never ask.
 * `onGone` calls back at most once, at once if the caller has gone already; the returned function unsubscribes.
 */
export interface Hangup {
  readonly gone: boolean
  onGone(callback: () => void): () => void
}
