/** What comes through a door, before anything is known of it but where it came in. */
import type { Integration } from './integration.ts'
import type { AccessRequest } from './request.ts'

/** The ways in. A door turns bytes into an `Arrival` and a `Reply` back into bytes. */
export const doorNames = ['proxy', 'connect', 'intercept', 'services', 'broker'] as const
export type DoorName = (typeof doorNames)[number]

/** How a caller proved which integration it is; never by an ordinary header. */
export type IdentityKind = 'listener' | 'token'

export interface Identified {
  readonly integration: Integration
  readonly identity: IdentityKind
}

/** What the active policy can look at; a door reads no more than this before the decision. */
export interface Needs {
  /** `input.http.headers` can be seen. */
  readonly headers: boolean
  /** `input.http.body` can be seen: the body is buffered and parsed before the decision. */
  readonly body: boolean
  /** `input.context` can be seen. */
  readonly context: boolean
}

/**
 * The caller's end of the line. Cheaper than an AbortController a request: most requests never ask.
 * `onGone` calls back at most once, at once if the caller has gone already; the returned function unsubscribes.
 */
export interface Hangup {
  readonly gone: boolean
  onGone(callback: () => void): () => void
}

export interface Arrival {
  /** Unique for this gateway's lifetime and across restarts; the caller sees it as `Sallyport-Request-Id`. */
  readonly id: string
  readonly door: DoorName
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Address of the connection's other end, or the socket's path. */
  readonly peer: string
  /** Id of the CONNECT that this arrival came inside of. */
  readonly parent?: string
  readonly hangup: Hangup
  /**
   * Who calls, or `null` where nothing proves it.
   * Throws `Refusal('malformed-request')` where the arrival cannot be parsed at all.
   */
  identify(): Identified | null
  /** Parse and canonicalise. Throws `Refusal` on anything that two parsers could read differently. */
  read(who: Identified, needs: Needs): AccessRequest | Promise<AccessRequest>
}
