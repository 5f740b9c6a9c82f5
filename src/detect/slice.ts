/** What integrations did in a short time, added up per destination: what the detector is fed with. */

export interface Flow {
  readonly integration: string
  readonly owner: string | null
  /** `host:port`, `service:name` or `file:/mount…`. */
  readonly destination: string
  readonly requests: number
  readonly denied: number
  readonly limited: number
  readonly failed: number
  readonly originErrors: number
  /** As they passed in this slice, those of requests that are not settled included. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly durationMs: { readonly count: number; readonly sum: number; readonly max: number }
  /** 32-bit hashes, at most 32. */
  readonly pathHashes: readonly number[]
  /** When requests began, in milliseconds; at most 64. */
  readonly startedAt: readonly number[]
  /** Bits per character of the longest label of the name. */
  readonly labelEntropy: number
  readonly isFirstUse: boolean
  /** Ids of requests, as examples. */
  readonly ids: readonly string[]
}

export interface Slice {
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
  readonly flows: readonly Flow[]
}
