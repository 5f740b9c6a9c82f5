/** What a sink is: where records are shipped to, what it is given, and how it says that something will never be taken. */
import { retryAfterMs } from '../bundles/index.ts'
import type { JsonObject } from '../core/index.ts'

/** A record as one sink is to see it: in the sink's view, masked. */
export interface ShippedRecord {
  readonly kind: 'record'
  /** Its place in the log, from 0. */
  readonly index: number
  /** Records directly before it that this sink does not get: dropped by its rules, refused, or removed before they were shipped. */
  readonly leftOut: number
  /** Leaf hash of the record as it stands in the log, whatever the view and the masks: hex of SHA-256(0x00 || bytes), RFC 9162. */
  readonly leaf: string
  /** RFC 3339, of the record. */
  readonly time: string
  /** Of the record: `settled`, `denied`, … */
  readonly type: string
  /** JSON without a line end. */
  readonly text: string
  /** `text`, parsed when it is first asked for. */
  readonly document: JsonObject
}

/** A checkpoint that the log has published, in its place: behind the records that it covers. */
export interface ShippedCheckpoint {
  readonly kind: 'checkpoint'
  /** Records that it covers. */
  readonly size: number
  /** The signed note, as it was published. */
  readonly note: string
  /** When it was seen; RFC 3339. */
  readonly time: string
  /** JSON without a line end: the note in the sink's view. */
  readonly text: string
  readonly document: JsonObject
}

export type Shipped = ShippedRecord | ShippedCheckpoint

export interface Sink {
  /**
   * Resolves once the receiver has taken all of it, and not before: the cursor moves then. Never called again before it has
   * settled. Rejects with `Refused` for what will never be taken; with anything else to be called again later with the same,
   * perhaps more of it. What was sent twice is the receiver's to know by its index. Gives what of it the receiver has refused
   * where that does not say which, and must not be sent any of it again.
   */
  deliver(batch: readonly Shipped[], signal: AbortSignal): Promise<void> | Promise<PartlyRefused | undefined>
  /** The operator has moved files (SIGHUP). */
  reopen?(): void
  /** After the last delivery has settled. Never rejects. */
  close(): Promise<void>
}

export interface PartlyRefused {
  /** How many of the batch. */
  readonly count: number
  readonly why: string
}

/** What a sink of any kind is told besides its own settings. */
export interface SinkContext {
  /** Of the log: `sallyport/<uuid>`; the key of what a gateway ships. */
  readonly origin: string
  /** Of the log (C2SP signed-note); `null` where it is not signed. */
  readonly verifierKey: string | null
  /** Of the log. */
  readonly folder: string
  readonly version: string
}

/**
 * The receiver will take these in no form, whenever they are sent. Where the sink cannot tell which of a batch it is
 * (`items` is null), it is given ever smaller batches until it is one.
 */
export class Refused extends Error {
  readonly items: readonly Shipped[] | null

  constructor(message: string, items: readonly Shipped[] | null = null) {
    super(message)
    this.items = items
  }
}

/** The receiver is there, and asks for a pause. */
export class RetryLater extends Error {
  /** Zero where it does not say how long. */
  readonly afterMs: number

  /** `retryAfter`: as the header says it, in seconds or as a date (RFC 9110 §10.2.3). */
  constructor(message: string, retryAfter: string | readonly string[] | undefined) {
    super(message)
    this.afterMs = retryAfterMs(retryAfter)
  }
}
