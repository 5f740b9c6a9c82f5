/** Which integration calls, through which door, and whether its connection is still there. */
import type { Contained } from './containment.ts'
import type { Integration } from './integration.ts'

/** The ways in. A door turns bytes into an `Arrival` and a `Reply` back into bytes; `policy` is the one for external calls of rules (core/external-calls.ts). */
export type DoorName = 'proxy' | 'connect' | 'intercept' | 'services' | 'broker' | 'policy'

/** How a caller proved which integration it is; never by an ordinary header. `policy`: the policy itself asks, in the name of the integration that it was granted. */
export type IdentityKind = 'listener' | 'token' | 'policy'

export interface Identified {
  readonly integration: Integration
  readonly identity: IdentityKind
  /** Which token or listener proved it: `token:` and the beginning of the token's SHA-256, or `listener:` and its name. */
  readonly credential?: string
  /** Whether this is the SHA-256 of a token of any integration: what holds one is not passed on. Those of its own manifest count alone where absent. */
  readonly isToken?: (digest: Buffer) => boolean
  /** What it is held in; absent: nothing. */
  readonly contained?: Contained
}

/**
 * Whether the caller has hung up. Cheaper than one AbortController per request, since most requests never look.
 * `onGone` calls back at most once, at once if the caller has gone already; the returned function unsubscribes.
 */
export interface Hangup {
  readonly gone: boolean
  /** A Refusal: why the work ends, where that is not that the caller left. */
  readonly reason?: Error
  onGone(callback: () => void): () => void
}
