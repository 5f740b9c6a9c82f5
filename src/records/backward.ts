/** The texts of records from the end of a log back. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Entry, entriesOfBundle, entriesOfWal } from './entries.ts'
import { bundlePath, tileWidth, walName } from './layout.ts'
import { segmentsAmong } from './segments.ts'
import { readEnd, readOrNull, walsOf } from './stored-files.ts'

export interface Backward {
  /** Oldest first within the batch. */
  readonly entries: readonly Entry[]
  /** Bytes that were read for them. */
  readonly bytes: number
}

/** Newest batch first, until `maxBytes` were read or nothing is left. Throws what `readdir` throws of the folder. */
export async function* readBackward(folder: string, maxBytes: number): AsyncGenerator<Backward> {
  let left = maxBytes
  const wals = await walsOf(folder)
  // What is not in a file of the list is before this; a file that was removed since is in bundles.
  let before = wals.at(-1) ?? 0
  for (const first of wals.toReversed()) {
    const read = await readEnd(join(folder, 'wal', walName(first)), left)
    if (read === null) break
    before = first
    const from = read.isAll ? 0 : read.bytes.indexOf(0x0a) + 1
    // Where only the end is read the index is not known, and nothing before it is asked for.
    const entries = entriesOfWal(read.bytes.subarray(from), read.isAll ? first : Number.NaN)
    yield { entries, bytes: read.bytes.byteLength }
    left -= read.bytes.byteLength
    if (left <= 0) return
  }
  for (let index = Math.ceil(before / tileWidth) - 1; index >= 0; index -= 1) {
    const bundle = await readOrNull(join(folder, bundlePath(index)))
    // Removed by retention, as all before it.
    if (bundle === null) break
    const entries = entriesOfBundle(bundle, index * tileWidth).filter((entry) => entry.index < before)
    yield { entries, bytes: bundle.byteLength }
    left -= bundle.byteLength
    if (left <= 0) return
  }
  yield* readSegmentsBackward(folder, left)
}

/** The log as it was before it became a tree; its records have no index. */
async function* readSegmentsBackward(folder: string, maxBytes: number): AsyncGenerator<Backward> {
  let left = maxBytes
  for (const name of segmentsAmong(await readdir(folder)).toReversed()) {
    const read = await readEnd(join(folder, name), left)
    if (read === null) continue
    const from = read.isAll ? 0 : read.bytes.indexOf(0x0a) + 1
    yield { entries: entriesOfSegment(read.bytes.subarray(from)), bytes: read.bytes.byteLength }
    left -= read.bytes.byteLength
    if (left <= 0) return
  }
}

function entriesOfSegment(bytes: Buffer): readonly Entry[] {
  const entries: Entry[] = []
  let from = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
    entries.push({ index: Number.NaN, bytes: bytes.subarray(from, end) })
    from = end + 1
  }
  return entries
}
