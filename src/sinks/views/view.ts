/** What a view is: the form in which a record is shipped. */
import type { JsonObject } from '../../core/index.ts'

/** What the log is, beside its records. */
export interface ViewContext {
  /** `sallyport/<uuid>`. */
  readonly origin: string
  /** Of Sallyport. */
  readonly version: string
}

export interface CheckpointNote {
  readonly size: number
  readonly note: string
  readonly time: string
}

export interface View {
  /** `null`: it has no place in this view. */
  record(record: JsonObject, context: ViewContext): JsonObject | null
  checkpoint(checkpoint: CheckpointNote, context: ViewContext): JsonObject
}
