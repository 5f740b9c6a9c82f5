/** What comes through a door. Nothing is known of it yet but where it came in. */
import type { DoorName, Hangup, Identified } from './caller.ts'
import type { BrokenOff } from './reply.ts'
import type { AccessRequest } from './request.ts'
import type { TraceContext } from './trace-context.ts'

/** What the active policy can look at; a door reads no more than this before the decision. */
export interface Needs {
  /** `input.http.headers` can be seen. */
  readonly headers: boolean
  /** `input.http.body` can be seen: the body is buffered and parsed before the decision, where the rules that apply look at it. */
  readonly body: boolean
  /** `input.context` can be seen. */
  readonly context: boolean
}

/** What a caller asked for and who it says it is, as it wrote that: for the records of refusals. Nothing of it is canonical, judged, or proven. */
export interface Asked {
  readonly method: string | null
  readonly scheme?: string
  readonly host: string | null
  readonly port?: number
  readonly path: string | null
  /** Without the `?`; empty where there is none. */
  readonly query?: string
  /** The integration that it claims to be. */
  readonly claimed?: string | null
}

export interface Arrival {
  /** Unique for this gateway's lifetime and across restarts; the caller sees it as `Sallyport-Request-Id`. */
  readonly id: string
  readonly door: DoorName
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Address of the connection's other end, or the socket's path. */
  readonly peer: string
  /** Its port; absent where the other end has none. */
  readonly peerPort?: number | undefined
  /** The trace that the caller says this is a part of; `null` where it names none. */
  readonly traceContext?: TraceContext | null
  /** Id of the CONNECT whose tunnel this arrival came through; of the request being decided, where its policy makes external calls. */
  readonly parent?: string
  readonly hangup: Hangup
  /** Where its caller reads what it may do and has left; `null` where its listener does not say that. */
  readonly selfUrl?: string | null
  /** The connection, where further requests may follow before this one is answered: it is not read while the answer is delayed. */
  readonly socket?: { pause(): unknown; resume(): unknown }
  /**
   * The calling integration; `null` where nothing proves which one it is.
   * Throws `Refusal('malformed-request')` where the arrival cannot be parsed at all.
   */
  identify(): Identified | null
  /** `null`: nothing that could be read says what was asked for. Never throws. */
  asked?(): Asked | null
  /** Parse and canonicalise. Throws `Refusal` on anything that two parsers could read differently. */
  read(who: Identified): AccessRequest
  /** Ends the caller's connection: `why`, where the gateway wants that, as `endConnection`; at once where something failed after the reply has begun. Never throws. */
  cut(why?: BrokenOff): void
}
