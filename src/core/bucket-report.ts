/** What a bucket of an integration holds and has done; limits count it, usage reports it. */

export type BucketName = 'arrivals' | 'requests' | 'bytesOut' | 'bytesIn' | 'concurrency'

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
