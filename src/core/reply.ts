/** What goes back through the door. Bodies are pushed by their source into a sink, not pulled from a stream. */
import type { Duplex } from 'node:stream'
import type { ProblemCode } from './problems.ts'
import type { HeaderList } from './request.ts'
import type { Slowed } from './slowed.ts'

/**
 * Where a body's chunks go. `write` answers `true` to go on, `false` when nobody listens any more (the source stops),
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
  /** What stands behind the status, where that is not its own name: a refusal's code, often all that a client shows. */
  readonly reason?: string
  /** End-to-end headers only; the door adds its own framing. */
  readonly headers: HeaderList
  readonly body: Body
  /** How often the destination was asked (`Outcome.attempts`), where not once. */
  readonly attempts?: number
}

/**
 * Counts bytes before they pass; long-lived connections are charged while open. `null`: there is room in their bucket, they
 * are counted and may pass. Else they pass, and are counted, as `Slowed` says.
 */
export interface Meter {
  /** From the integration to the destination. */
  sent(bytes: number): Slowed | null
  /** From the destination to the integration. */
  received(bytes: number): Slowed | null
}

/** Why something open ended before its time, where that is known: `problem` says whose doing it is. */
export class BrokenOff extends Error {
  readonly problem: ProblemCode

  constructor(problem: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}

/** Ends something open through which more bytes would pass than may. */
export class BeyondCap extends BrokenOff {
  constructor(problem: 'payload-too-large' | 'reply-too-large', maxBytes: number) {
    super(problem, `more than ${maxBytes} bytes`)
  }
}

/** A tunnel, an upgrade or an interception: the head, then bytes both ways until either end closes. */
export interface Takeover {
  readonly status: number
  readonly headers: HeaderList
  /** `head` is what the caller sent beyond its request. Resolves when both ways are closed. Rejects with `BrokenOff` where it is known who ended it before its time. */
  takeover(socket: Duplex, head: Buffer, meter: Meter): Promise<void>
  /** Called instead of `takeover` where the caller has gone: frees what `perform` opened. */
  discard(): void
}

export type Reply = Answer | Takeover

export function isTakeover(reply: Reply): reply is Takeover {
  return 'takeover' in reply
}
