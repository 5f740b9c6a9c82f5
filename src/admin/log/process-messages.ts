/** What the gateway and the processes that read its log say to one another. */
import type { By, Filter } from '../../query/index.ts'

/** Members of records that the reader of this answer may not see. */
export type Hidden = readonly string[]

export interface StreamJob {
  readonly kind: 'stream'
  /** Index of the first record that is wanted. */
  readonly from: number
  readonly filter: Filter
  /** Requests per second that are shown at most; `null`: each. */
  readonly sample: number | null
  readonly hidden: Hidden
}

export type Question =
  | {
      readonly kind: 'records'
      readonly filter: Filter
      readonly limit: number
      /** `next` of the page before. */
      readonly cursor: number | null
      readonly oldestFirst: boolean
      readonly hidden: Hidden
    }
  | { readonly kind: 'sums'; readonly filter: Filter; readonly by: By }
  | { readonly kind: 'request'; readonly requestId: string; readonly hidden: Hidden }
  /** `incidentId`: `null` for all of them. */
  | { readonly kind: 'incidents'; readonly incidentId: string | null; readonly hidden: Hidden }
  | { readonly kind: 'incident'; readonly incidentId: string; readonly format: 'json' | 'md'; readonly hidden: Hidden }
  | { readonly kind: 'proof'; readonly index: number }
  | { readonly kind: 'consistency'; readonly older: number; readonly newer: number | null }

export type ToProcess =
  | { readonly id: number; readonly job: StreamJob | Question }
  /** The events before are with the reader: the next may come. */
  | { readonly id: number; readonly more: true }
  | { readonly id: number; readonly end: true }

/** Some events of a stream. */
export interface Events {
  /** As server-sent events; empty where only more of the log was looked at. */
  readonly text: string
  /** How many records, without those about reads of the log. */
  readonly records: number
  /** Index of the last record that was looked at. */
  readonly last: number
}

export type Answer =
  /** JSON, or the text of a proof. `records`: how many of the log are in it. */
  | { readonly text: string; readonly records: number }
  /** `status` of HTTP. */
  | { readonly status: 400 | 404 | 503; readonly detail: string }

export type FromProcess =
  | { readonly id: number; readonly events: Events }
  | { readonly id: number; readonly answer: Answer }
  /** It cannot go on. */
  | { readonly id: number; readonly failed: string }
