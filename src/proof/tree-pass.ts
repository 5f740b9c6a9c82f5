/** One pass over all records of a log: the tree is built again from them, and every stored hash compared with it. */
import { type Block, blocksOf } from './blocks.ts'
import { type Copy, hashAll, recordOf } from './bundle.ts'
import type { Report } from './finding.ts'
import type { LogFiles, StoredTile } from './log-files.ts'
import { Frontier, hashBytes, perfectRoot, tileWidth } from './merkle.ts'
import { RecordCheck } from './record-check.ts'
import { tilePath } from './tile-path.ts'
import type { WalFiles } from './wal.ts'

export interface PassOptions {
  readonly log: LogFiles
  readonly wal: WalFiles
  /** How many records there must be. */
  readonly size: number
  /** Sizes whose roots are wanted, ascending. */
  readonly sizes: readonly number[]
  /** What is wrong with records, whatever the hashes are. */
  readonly report: Report
  /** Is given each record's leaf hash. */
  readonly onLeaf?: (leaf: Buffer, index: number, copy: Copy) => void
}

/** Records from one index to another (exclusive) that no file has. */
export interface Gap {
  readonly from: number
  end: number
}

export interface Pass {
  readonly records: RecordCheck
  /** How many records there are, those that are gone included. */
  readonly total: number
  /** By size; none where hashes are missing, too. */
  readonly roots: ReadonlyMap<number, Buffer>
  readonly gaps: readonly Gap[]
  /** Records that were read where retention has moved them. */
  readonly archived: number
  /** Places where stored hashes, or further copies of records, are not what the records say: if the records are right, these are wrong. */
  readonly differences: readonly { readonly place: Parameters<Report>[0]; readonly what: string }[]
}

const maxDifferences = 100

export function passOver({ log, wal, size, sizes, report, onLeaf }: PassOptions): Pass {
  const records = new RecordCheck(report)
  const frontier = new Frontier()
  const roots = new Map<number, Buffer>()
  const gaps: Gap[] = []
  const differences: { place: Parameters<Report>[0]; what: string }[] = []
  const wanted = [...sizes]
  const rows: { hashes: Buffer; count: number; index: number }[] = []
  let [isKnown, archived, total] = [true, 0, 0]
  const differ = (file: string, offset: number, what: string, line = 0) => {
    if (differences.length < maxDifferences) differences.push({ place: { file, line, offset }, what })
  }
  takeRoots()
  for (const block of blocksOf(log, wal, size, report)) {
    passOverGap(block.from)
    const stored = storedTiles(0, block.index)
    const leaves = leavesOf(block, stored)
    total = block.from + block.copies.length
    if (block.isArchived) archived += block.copies.length
    compare(stored, leaves, 0, block.index)
    if (isKnown) push(leaves)
  }
  passOverGap(size)
  for (const [level, row] of rows.entries())
    if (row !== undefined) compare(storedTiles(level, row.index), row.hashes.subarray(0, row.count * hashBytes), level, row.index)
  return { records, total, roots, gaps, archived, differences }

  function storedTiles(level: number, index: number): readonly StoredTile[] {
    const full = log.full(level, index)
    return full === null ? log.partials(level, index) : [full]
  }

  /** Where a record is gone, its stored hash takes its place: that it is the right one shows at the root. */
  function leavesOf({ from, copies, isBroken }: Block, stored: readonly StoredTile[]): Buffer {
    const first = copies.map(([copy]) => copy)
    const there = first.filter((copy) => copy !== undefined)
    const hashes = hashAll(there)
    const leaves = there.length === first.length ? hashes : Buffer.alloc(first.length * hashBytes)
    let at = 0
    for (const [index, copy] of first.entries()) {
      if (copy === undefined) {
        fillGap(leaves, index, from, stored)
        continue
      }
      const leaf = hashes.subarray(at * hashBytes, (at + 1) * hashBytes)
      at += 1
      if (leaves !== hashes) leaf.copy(leaves, index * hashBytes)
      if (isBroken) records.skip()
      else records.take(copy, from + index)
      onLeaf?.(leaf, from + index, copy)
      for (const other of (copies[index] as readonly Copy[]).slice(1))
        if (!recordOf(other).equals(recordOf(copy)))
          differ(other.file, other.offset, `is not the record ${from + index} that ${copy.file} has`, other.line)
    }
    return leaves
  }

  function fillGap(leaves: Buffer, at: number, from: number, stored: readonly StoredTile[]): void {
    addGap(from + at, from + at + 1)
    const hashes = stored.at(-1)?.bytes
    if (hashes !== undefined && hashes.byteLength >= (at + 1) * hashBytes)
      hashes.copy(leaves, at * hashBytes, at * hashBytes, (at + 1) * hashBytes)
    else isKnown = false
  }

  function addGap(from: number, end: number): void {
    const last = gaps.at(-1)
    if (last?.end === from) last.end = end
    else gaps.push({ from, end })
    records.skip()
  }

  /** Up to `end` there is neither a record nor a hash from what was read last on. */
  function passOverGap(end: number): void {
    if (total >= end) return
    addGap(total, end)
    isKnown = false
    const [first, last] = [Math.floor(total / tileWidth), Math.floor(end / tileWidth) - 1]
    const file = (index: number) => tilePath({ level: 0, index, width: tileWidth })
    if (first <= last)
      report({ file: file(first), line: 0, offset: 0 }, first === last ? 'is missing' : `is missing, and so are those up to ${file(last)}`)
    total = end
  }

  function compare(stored: readonly StoredTile[], hashes: Buffer, level: number, index: number): void {
    const isWhole = hashes.byteLength === tileWidth * hashBytes
    if (isWhole && (index + 1) * tileWidth ** (level + 1) <= size && !stored.some(({ file }) => !file.includes('.p/')))
      report({ file: tilePath({ level, index, width: tileWidth }), line: 0, offset: 0 }, 'is missing')
    for (const { file, bytes } of stored) {
      const width = Number(/\.p\/(\d+)$/.exec(file)?.[1] ?? tileWidth)
      if (bytes.byteLength !== width * hashBytes)
        report(
          { file, line: 0, offset: Math.min(bytes.byteLength, width * hashBytes) },
          `has ${bytes.byteLength} bytes where ${width * hashBytes} belong`,
        )
      const length = Math.min(bytes.byteLength, hashes.byteLength)
      const offset = firstDifference(bytes.subarray(0, length), hashes)
      if (offset < length) differ(file, offset, 'is not the hash of what it stands for')
    }
  }

  function push(leaves: Buffer): void {
    const end = frontier.size + leaves.byteLength / hashBytes
    const root = leaves.byteLength === tileWidth * hashBytes ? perfectRoot(leaves) : null
    if (root !== null && (wanted[0] ?? end) >= end) frontier.push(root, 8)
    else
      for (let from = 0; from < leaves.byteLength; from += hashBytes) {
        frontier.push(leaves.subarray(from, from + hashBytes))
        takeRoots()
      }
    takeRoots()
    if (root !== null) addToRow(1, root)
  }

  function takeRoots(): void {
    for (; wanted[0] === frontier.size; wanted.shift()) roots.set(frontier.size, frontier.root())
  }

  function addToRow(level: number, hash: Buffer): void {
    rows[level] ??= { hashes: Buffer.alloc(tileWidth * hashBytes), count: 0, index: 0 }
    const row = rows[level]
    hash.copy(row.hashes, row.count * hashBytes)
    row.count += 1
    if (row.count < tileWidth) return
    compare(storedTiles(level, row.index), row.hashes, level, row.index)
    addToRow(level + 1, perfectRoot(row.hashes))
    Object.assign(row, { count: 0, index: row.index + 1 })
  }
}

/** Length of `bytes` where there is none. */
export function firstDifference(bytes: Buffer, other: Buffer): number {
  if (bytes.equals(other.subarray(0, bytes.byteLength))) return bytes.byteLength
  const at = bytes.findIndex((byte, index) => byte !== other[index])
  return at < 0 ? bytes.byteLength : at
}
