/** What passed in a short time, by integration and destination: all that watching knows of requests. */
import type { LowestLevels } from '../core/index.ts'

/** Of one integration with one destination. Counters are of requests that were decided or ended within the slice; bytes as they passed in it. */
export interface Flow {
  /** `-` for callers that proved none. */
  readonly integration: string
  /** As its manifest says; `null` where no integration is known. */
  readonly owner: string | null
  /** `host:port`, `service:name`, `file:name`, `lookup:host`; or one of `notDestinations`. */
  readonly destination: string
  /** Decided in this slice, or refused before a decision. */
  readonly requests: number
  /** By the policy, an operator or a rule of containment. */
  readonly denied: number
  /** By a bucket or another bound of the integration. */
  readonly limited: number
  /** The destination could not be asked, or broke off. */
  readonly failed: number
  /** Answered by the destination itself with 5xx. */
  readonly originErrors: number
  /** From the integration to the destination, and back. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Of allowed requests that ended in this slice, tunnels and WebSockets apart. */
  readonly durationMs: { readonly count: number; readonly sum: number; readonly max: number }
  /** Of different paths, 32 bits each; the first 32. */
  readonly pathHashes: readonly number[]
  /** When requests arrived, in milliseconds since the epoch; the first 16. */
  readonly startedAt: readonly number[]
  /** Bits per character of the longest label of the destination’s name; 0 where it has no name. */
  readonly labelEntropy: number
  /** The integration has never asked this destination before, as far as the store knows. */
  readonly isFirstUse: boolean
  /** Requests as examples; the first three. */
  readonly ids: readonly string[]
}

/** Milliseconds since the epoch. Their difference is right also where the clock was set meanwhile. */
export interface Slice {
  readonly from: number
  readonly to: number
  readonly flows: readonly Flow[]
  /** Of the integrations in it that have buckets; absent where nothing is known of them. */
  readonly lowest?: Readonly<Record<string, LowestLevels>>
}

/** In place of a destination: what asked for none, what asked the gateway itself, and all destinations beyond those that are counted each. */
export const notDestinations = { none: '(none)', self: '(self)', others: '(others)' } as const

/** Destinations of an integration that are counted each in one slice. */
export const maxDestinations = 256
/** Of these, destinations that were first denied: an integration that is denied everywhere cannot hide where it is allowed. */
export const maxDeniedDestinations = 128
