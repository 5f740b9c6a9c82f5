/** Records in their order, by their index in the log. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Position, pollMs, readFrom, segmentsOf } from './tail.ts'

export interface StoredRecord {
  /** From 0, the place of the record in the log. */
  readonly index: number
  /** JSON, one line. */
  readonly text: string
}

export interface ReadOptions {
  /** Index of the first record; default 0. */
  readonly from?: number
  /** Waits for what is written later, until `signal`. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/**
 * Records from an index on, oldest first, some thousand at a time. Ends where the log ends now, unless it follows. Throws what
 * `readdir` throws.
 */
export async function* readRecords(folder: string, options: ReadOptions = {}): AsyncGenerator<readonly StoredRecord[]> {
  const { from = 0, follow = false, signal } = options
  let at: Position & { readonly file: string } = { file: '', offset: 0, lines: 0 }
  let index = 0
  while (signal?.aborted !== true) {
    // Before the segment is read: where there is a next one by now, nothing more comes into this one.
    const names = await segmentsOf(folder)
    if (at.file !== '') {
      const { lines, end } = await readFrom(folder, at)
      const first = index
      index += lines.length
      const wanted = lines.map(({ text }, line) => ({ index: first + line, text })).slice(Math.max(0, from - first))
      if (wanted.length > 0) yield wanted
      at = { ...at, ...end, file: at.file }
    }
    const next = names[names.indexOf(at.file) + 1]
    if (next !== undefined) at = { file: next, offset: 0, lines: 0 }
    else if (!follow) return
    else await sleep(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
}
