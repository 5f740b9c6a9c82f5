/** The end of a log. */
import { readBackward } from './backward.ts'
import { type StoredRecord, storedRecord } from './stored.ts'

/** The last `count` records, oldest first; fewer where the log has no more. Throws what `readdir` throws. */
export async function tailAudit(folder: string, count: number): Promise<readonly StoredRecord[]> {
  // A log has more records than a call can have arguments: they are joined, and never spread.
  let last: readonly StoredRecord[] = []
  for await (const { entries } of readBackward(folder, Number.POSITIVE_INFINITY)) {
    last = entries
      .slice(Math.max(0, entries.length - (count - last.length)))
      .map(storedRecord)
      .concat(last)
    if (last.length >= count) break
  }
  return last
}
