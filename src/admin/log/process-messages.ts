/** What the gateway and the processes that read its log say to one another. */
import type { Filter } from './filter.ts'

/** Members of records that the reader of this answer may not see. */
export type Hidden = readonly string[]

export interface StreamJob {
  readonly kind: 'stream'
  /** Index of the first record that is wanted. */
  readonly from: number
  readonly filter: Filter
  readonly hidden: Hidden
}

export type ToProcess =
  | { readonly id: number; readonly job: StreamJob }
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

export type FromProcess =
  | { readonly id: number; readonly events: Events }
  /** It cannot go on. */
  | { readonly id: number; readonly failed: string }
