/** Records as bytes, out of entry bundles and write-ahead files. */
import { tileWidth } from './layout.ts'

/** A record as it is stored: the JSON's bytes. */
export interface Entry {
  readonly index: number
  readonly bytes: Buffer
}

/** `first`: index of the first record. A length that points behind the end ends it: what is there is given, and never more than belongs there. */
export function entriesOfBundle(bundle: Buffer, first: number): readonly Entry[] {
  const entries: Entry[] = []
  for (let at = 0, index = first; at + 2 <= bundle.byteLength && index < first + tileWidth; index += 1) {
    const end = at + 2 + bundle.readUInt16BE(at)
    if (end > bundle.byteLength) break
    entries.push({ index, bytes: bundle.subarray(at + 2, end) })
    at = end
  }
  return entries
}

/** In front of the JSON of a line: eight digits of a checksum, and a space. */
const walPrefixBytes = 9

/** Of the whole lines of a write-ahead file; the checksum is not looked at. */
export function entriesOfWal(lines: Buffer, first: number): readonly Entry[] {
  const entries: Entry[] = []
  for (let at = 0, index = first; at < lines.byteLength; index += 1) {
    const end = lines.indexOf(0x0a, at)
    if (end < 0) break
    entries.push({ index, bytes: lines.subarray(Math.min(at + walPrefixBytes, end), end) })
    at = end + 1
  }
  return entries
}
