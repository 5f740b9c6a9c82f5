/** The tree of a log as its folder has it: hashes from tiles, records from bundles and write-ahead files, and proofs from both. */
import { type Copy, readBundle, recordOf } from './bundle.ts'
import type { LogFiles } from './log-files.ts'
import { hashBytes, leafHash, nodeHash, perfectRoot, tileWidth } from './merkle.ts'
import { ProofError } from './proof-error.ts'
import type { WalFiles } from './wal.ts'

/** log2 of a tile's width. */
const tileHeight = 8

export class StoredTree {
  readonly #log: LogFiles
  readonly #wal: WalFiles
  /** The bundle, or part of a write-ahead file, that was read last. */
  #read: { readonly index: number; readonly records: ReadonlyMap<number, Buffer> } | null = null

  constructor(log: LogFiles, wal: WalFiles) {
    this.#log = log
    this.#wal = wal
  }

  /** As it is stored. Throws `ProofError` where no file has it. */
  record(index: number): Buffer {
    const found = this.block(Math.floor(index / tileWidth)).get(index)
    if (found === undefined) throw new ProofError(`record ${index} is in no file of the log: it was removed, or moved to an archive`)
    return found
  }

  /** Whether these bytes stand anywhere in the records of a tile; of what is not in a full bundle it is not known. */
  mayHave(index: number, bytes: Buffer): boolean {
    return this.#log.full('entries', index)?.bytes.includes(bytes) ?? true
  }

  /** The records of a tile that are there, by their index. */
  block(index: number): ReadonlyMap<number, Buffer> {
    if (this.#read?.index === index) return this.#read.records
    const records = new Map<number, Buffer>()
    const bundle = this.#log.full('entries', index) ?? this.#log.archived(index)
    const add = (copies: readonly Copy[]) => {
      for (const [at, copy] of copies.entries()) records.set(index * tileWidth + at, recordOf(copy))
    }
    if (bundle !== null) add(readBundle(bundle.file, bundle.bytes).copies)
    else {
      for (const { file, bytes } of this.#log.partials('entries', index)) add(readBundle(file, bytes).copies)
      for (const copy of this.#wal.records(() => {}, index * tileWidth)) {
        if (copy.index >= (index + 1) * tileWidth) break
        if (!copy.isDamaged) records.set(copy.index, recordOf(copy))
      }
    }
    this.#read = { index, records }
    return records
  }

  /** Of the first `size` records. */
  root(size: number): Buffer {
    return this.#over(0, size)
  }

  /** From the record's sibling up to a child of the root. */
  inclusion(index: number, size: number): readonly Buffer[] {
    const path = (from: number, end: number): Buffer[] => {
      if (end - from === 1) return []
      const middle = from + splitOf(end - from)
      return index < middle ? [...path(from, middle), this.#over(middle, end)] : [...path(middle, end), this.#over(from, middle)]
    }
    return path(0, size)
  }

  /** That the tree of the first `older` records is the beginning of the one of the first `newer`. */
  consistency(older: number, newer: number): readonly Buffer[] {
    const proof = (from: number, end: number, isOlderKnown: boolean): Buffer[] => {
      if (older === end) return isOlderKnown ? [] : [this.#over(from, end)]
      const middle = from + splitOf(end - from)
      if (older <= middle) return [...proof(from, middle, isOlderKnown), this.#over(middle, end)]
      return [...proof(middle, end, false), this.#over(from, middle)]
    }
    return older === 0 ? [] : proof(0, newer, true)
  }

  #over(from: number, end: number): Buffer {
    const count = end - from
    if (count === 0) return nothing()
    const split = splitOf(count)
    if (split * 2 === count || count === 1) return this.#subtree(Math.log2(count), from / count)
    return nodeHash(this.#over(from, from + split), this.#over(from + split, end))
  }

  /** Of 2^height records: from a tile that has it, else from what it stands for. */
  #subtree(height: number, position: number): Buffer {
    const level = Math.floor(height / tileHeight)
    const count = 2 ** (height - level * tileHeight)
    const first = position * count
    const at = (first % tileWidth) * hashBytes
    const hashes = this.#log.tile(level, Math.floor(first / tileWidth))?.bytes
    if (hashes !== undefined && hashes.byteLength >= at + count * hashBytes) return perfectRoot(hashes.subarray(at, at + count * hashBytes))
    if (height === 0) return leafHash(this.record(position))
    return nodeHash(this.#subtree(height - 1, position * 2), this.#subtree(height - 1, position * 2 + 1))
  }
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

function nothing(): Buffer {
  throw new ProofError('a tree of no records has no proofs')
}
