/** How an arrival ended, recorded, metered and settled with the limits; and what buckets report. */
import type { ProblemCode } from './problems.ts'
import type { Connection, Phases, RetriedAttempt } from './timeline.ts'

export interface Outcome {
  /** The status that the caller was sent; 499 where it left before a head could be sent. */
  readonly status: number
  /** The code of the gateway's own refusal, or of what broke a reply off; `side` in the catalogue says who caused it. */
  readonly problem: ProblemCode | null
  /** The request was allowed, and `problem` ended it midway: after the head of its reply, or because the caller left. */
  readonly brokenOff: boolean
  /** What the refusal tells the operator alone (`Refusal.forOperator`). */
  readonly forOperator: string | null
  /** Bytes from the integration to the destination. */
  readonly sentBytes: number
  /** Bytes from the destination to the integration. */
  readonly receivedBytes: number
  readonly durationMs: number
  /** Read it now: it is the request's own timeline, and changes. */
  readonly phases: Phases
  /** The connection that the destination was asked over last; `null` where none was. */
  readonly connection: Connection | null
  /** As `Lease.breakerState`. */
  readonly breaker: BreakerReport['state'] | null
  /** Content-Type of the body to the destination; `null` where there was none. */
  readonly sentType: string | null
  /** Content-Type of the destination's reply; `null` where it has none. */
  readonly receivedType: string | null
  /** SHA-256 of the bodies, in hex, where it is asked for; `null` where there was none, or not all of it was delivered. */
  readonly sentSha256?: string | null
  readonly receivedSha256?: string | null
  readonly cost?: Cost
  /** A tunnel or a WebSocket, which lasts as long as its two ends want. */
  readonly isTakeover: boolean
  /** Attempts after which the destination was asked again: over a kept connection that turned out to be closed (RFC 9110 §9.2.2), or as `retries` say. */
  readonly retried: readonly RetriedAttempt[]
  /** The last byte was delivered; `false` where either end broke off midway. */
  readonly complete: boolean
}

/** What was taken from the integration's buckets for one request. */
export interface Tokens {
  readonly requests: number
  readonly bytesOut: number
  readonly bytesIn: number
}

export interface Cost {
  /** Its share of the processor time of the gateway's main thread, estimated; `null` where that is not done. */
  readonly cpuMs: number | null
  /** `null` where it was not admitted. */
  readonly tokens: Tokens | null
}

export const bucketNames = ['arrivals', 'requests', 'bytesOut', 'bytesIn', 'concurrency'] as const
export type BucketName = (typeof bucketNames)[number]
/** Of each bucket, the least that was left in some time, as a share of what it holds: 1 full, 0 empty, negative in debt. */
export type LowestLevels = Readonly<Record<BucketName, number>>

export interface BucketReport {
  readonly bucket: BucketName
  /** Tokens it holds at most. */
  readonly capacity: number
  /** 0 for concurrency, whose slots come back when requests end. */
  readonly refillPerSecond: number
  /** Tokens in it now; negative in debt. */
  readonly level: number
  /** Tokens taken since the start, without those that were given back. */
  readonly consumed: number
  /** Admissions that took from it. */
  readonly allowed: number
  /** Admissions that it refused. */
  readonly limited: number
}

export interface BreakerReport {
  readonly origin: string
  readonly state: 'closed' | 'open' | 'half-open'
}
