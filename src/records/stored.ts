/** Records in their order, by their index in the log. */
import type { Entry } from './entries.ts'
import { type ReadOptions, readEntries } from './forward.ts'

export interface StoredRecord {
  /** From 0, the place of the record in the log. */
  readonly index: number
  /** JSON, one line. */
  readonly text: string
}

/**
 * Records from an index on, oldest first, some thousand at a time. Ends where the log ends now, unless it follows. Records that
 * were removed are left out, and a chain of before the log became a tree is not read. Throws what `readdir` throws.
 */
export async function* readRecords(folder: string, options: ReadOptions = {}): AsyncGenerator<readonly StoredRecord[]> {
  for await (const entries of readEntries(folder, options)) yield entries.map(storedRecord)
}

export function storedRecord({ index, bytes }: Entry): StoredRecord {
  return { index, text: bytes.toString('utf8') }
}
