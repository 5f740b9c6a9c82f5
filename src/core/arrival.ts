/** What comes through a door, before anything is known of it but where it came in. */
import type { DoorName, Hangup, Identified } from './caller.ts'
import type { AccessRequest } from './request.ts'

/** What the active policy can look at; a door reads no more than this before the decision. */
export interface Needs {
  /** `input.http.headers` can be seen. */
  readonly headers: boolean
  /** `input.http.body` can be seen: the body is buffered and parsed before the decision, where the rules that apply look at it. */
  readonly body: boolean
  /** `input.context` can be seen. */
  readonly context: boolean
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
  /** Where further requests may come before this one is answered: nothing is read from it while an answer is kept back. */
  readonly socket?: { pause(): unknown; resume(): unknown }
  /**
   * Who calls, or `null` where nothing proves it.
   * Throws `Refusal('malformed-request')` where the arrival cannot be parsed at all.
   */
  identify(): Identified | null
  /** Parse and canonicalise. Throws `Refusal` on anything that two parsers could read differently. */
  read(who: Identified): AccessRequest
  /** Ends the caller's connection, where something failed that can no longer be answered. Never throws. */
  cut(): void
}
