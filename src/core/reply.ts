/** What goes back through the door. Bodies are pushed by their source into a sink, not pulled from a stream. */
import type { Duplex } from 'node:stream'
import type { ProblemCode } from './problems.ts'
import type { HeaderList } from './request.ts'
import type { Slowed } from './slowed.ts'

/**
 * Where a body's chunks go. `write` answers `true` to go on, `false` when no more is wanted (the source then stops),
 * or a promise of either to wait for before the next chunk: that is the backpressure.
 */
export interface Sink {
  write(chunk: Uint8Array): boolean | Promise<boolean>
}

/** Pushes the whole body and resolves once the sink has taken the last chunk; rejects when the source fails midway. */
export type PushedBody = (sink: Sink) => Promise<void>

/** A body is known whole, pushed, or absent. */
export type Body = Uint8Array | PushedBody | null

export interface Answer {
  readonly status: number
  /** The reason phrase, where it is not that of the status: a refusal's code, which is often all that a client shows. */
  readonly reason?: string
  /** End-to-end headers only; the door adds its own framing. */
  readonly headers: HeaderList
  readonly body: Body
  /** What followed a pushed body, once it has been pushed (RFC 9110 §6.5); callers over HTTP/1.1 are not sent it. */
  readonly trailers?: () => HeaderList
}

/**
 * Counts bytes before they pass; long-lived connections are charged while they are open. `null`: the bucket has room, the bytes
 * are counted and may pass. Otherwise they pass, and are counted, as `Slowed` says.
 */
export interface Meter {
  /** From the integration to the destination. */
  sent(bytes: number): Slowed | null
  /** From the destination to the integration. */
  received(bytes: number): Slowed | null
}

/** Why an open connection ended early, where that is known: the `side` of `problem` says who ended it. */
export class BrokenOff extends Error {
  readonly problem: ProblemCode

  constructor(problem: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}

/** Ends an open connection that would carry more bytes than its obligations allow. */
export class BeyondCap extends BrokenOff {
  constructor(problem: 'payload-too-large' | 'reply-too-large', maxBytes: number) {
    super(problem, `more than ${maxBytes} bytes`)
  }
}

/** How the door of a connection that is handed over tells its caller, where only the destination can say whether it opens. */
export interface Opening {
  /** It has opened: sends the head that says so, with these headers. */
  accept(headers: HeaderList): void
  /** It has not: sends the gateway's refusal instead. */
  refuse(answer: Answer): void
  /** It has not: the destination has answered, and its own status is passed on. */
  decline(answer: Answer): void
}

/** A tunnel, an upgrade or an interception: the head, then bytes both ways until either end closes. */
export interface Takeover {
  readonly status: number
  readonly headers: HeaderList
  /** Nothing was asked of its destination yet: that happens in `takeover`, and `opening` is told how it went. */
  readonly asksLater?: true
  /** `head` is what the caller sent beyond its request. Resolves when both directions are closed. Rejects with `BrokenOff` where it is known who ended it early. */
  takeover(socket: Duplex, head: Buffer, meter: Meter, opening: Opening): Promise<void>
  /** Called instead of `takeover` when the caller has left: frees what `perform` opened. */
  discard(): void
}

export type Reply = Answer | Takeover

export function isTakeover(reply: Reply): reply is Takeover {
  return 'takeover' in reply
}
