/** How an arrival ended; recorded, metered and settled with the limits. */
import type { ProblemCode } from './problems.ts'
import type { Phases } from './timeline.ts'

export interface Outcome {
  /** What the caller was sent; 499 where it had gone before a head could be sent. */
  readonly status: number
  /** The gateway's own refusal, where it was one; or what broke an answer off. Whose doing that is stands in the catalogue (`side`). */
  readonly problem: ProblemCode | null
  /** The request was allowed, and `problem` ended it in the midst: behind the head of its answer, or because the caller had gone. */
  readonly brokenOff: boolean
  /** What the refusal tells the operator alone (`Refusal.forOperator`). */
  readonly forOperator: string | null
  /** Bytes from the integration to the destination. */
  readonly sentBytes: number
  /** Bytes from the destination to the integration. */
  readonly receivedBytes: number
  readonly durationMs: number
  /** To be read at once: it is the request itself. */
  readonly phases: Phases
  /** A tunnel or a WebSocket: it lasts as long as its ends want. */
  readonly isTakeover: boolean
  /** How often the destination was asked: twice where a kept connection turned out to be closed (RFC 9110 §9.2.2). */
  readonly attempts: number
  /** The last byte was delivered; `false` where either end broke off midway. */
  readonly complete: boolean
}
