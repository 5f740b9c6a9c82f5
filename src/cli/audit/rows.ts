/** The audit log as a person reads it while it is written: one row per request, with its decision. */
import { createSelection, type Entry, type Filter } from '../../query/index.ts'
import type { StoredRecord } from '../../records/index.ts'
import { entryColumns } from './entry-text.ts'

export interface Rows {
  /** The rows that a record completes. */
  take(record: StoredRecord): readonly string[]
  /** Of requests that are decided and not settled. */
  unsettled(): readonly string[]
}

/** `textOf`: a row of an entry. */
export function createRows(filter: Filter, textOf: (entry: Entry) => string): Rows {
  const selection = createSelection(filter)
  return {
    take: (record) => selection.take(record).map(textOf),
    unsettled: () => selection.open().map(textOf),
  }
}

/** Each record as it is. */
export const recordRows: Rows = { take: ({ text }) => [text], unsettled: () => [] }

export function rowText(entry: Entry): string {
  // An auditor of a log that was tampered with needs the records around this one most of all.
  if (entry.type === 'unreadable')
    return `record ${entry.index}  -  UNREADABLE  not a record of the audit log; "sallyport audit verify" tells what is wrong`
  return entryColumns(entry)
    .filter((column) => column !== '')
    .join('  ')
}
