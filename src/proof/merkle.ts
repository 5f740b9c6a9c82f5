/** Hashes of a Merkle tree, and the proofs over them: RFC 6962 section 2.1, verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say. */
import { hash } from 'node:crypto'

export const hashBytes = 32
/** Hashes of a tile, and entries of a bundle. */
export const tileWidth = 256

export function leafHash(record: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(record.byteLength + 1)
  framed.set(record, 1)
  const leaf = Buffer.alloc(hashBytes)
  leafHashInPlace(framed, leaf, 0)
  return leaf
}

/** `framed`: one byte, which is overwritten, and the record. The hash is written to `into`. */
export function leafHashInPlace(framed: Buffer, into: Buffer, at: number): void {
  framed[0] = 0
  sha256Into(framed, into, at)
}

/** As text with a character per byte a hash is several times as fast as in a Buffer of its own. */
function sha256Into(bytes: Buffer, into: Buffer, at: number): void {
  into.write(hash('sha256', bytes, 'binary'), at, hashBytes, 'latin1')
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(1 + 2 * hashBytes)
  framed[0] = 1
  framed.set(left, 1)
  framed.set(right, 1 + hashBytes)
  return hash('sha256', framed, 'buffer')
}

export const emptyRoot = (): Buffer => hash('sha256', '', 'buffer')

/** Root of a tree whose subtrees of equal height stand one behind the other, 32 bytes each, their number a power of two. */
export function perfectRoot(hashes: Uint8Array): Buffer {
  const scratch = Buffer.allocUnsafe(1 + 2 * hashBytes)
  scratch[0] = 1
  let level = Buffer.from(hashes)
  for (let count = hashes.byteLength / hashBytes; count > 1; count /= 2) {
    for (let pair = 0; pair < count / 2; pair += 1) {
      level.copy(scratch, 1, pair * 2 * hashBytes, (pair + 1) * 2 * hashBytes)
      sha256Into(scratch, level, pair * hashBytes)
    }
    level = level.subarray(0, (count / 2) * hashBytes)
  }
  return level
}

/** The right edge of a tree that grows: one hash per bit of its size. */
export class Frontier {
  readonly #at: (Buffer | undefined)[] = []
  #size = 0

  /** What had these subtrees at this size; `null` where nothing can have. */
  static of(size: number, subtrees: readonly Buffer[]): Frontier | null {
    const heights = [...size.toString(2)].flatMap((bit, place, bits) => (bit === '1' ? [bits.length - 1 - place] : []))
    if (heights.length !== subtrees.length) return null
    const frontier = new Frontier()
    for (const [place, height] of heights.entries()) frontier.push(subtrees[place] as Buffer, height)
    return frontier
  }

  get size(): number {
    return this.#size
  }

  /** Roots of the perfect subtrees that stand one behind the other, the largest first: all that is needed to go on. */
  get subtrees(): readonly Buffer[] {
    return this.#at.filter((part) => part !== undefined).reverse()
  }

  /** Puts a subtree of 2^height leaves behind what is there, whose number must be a multiple of that. */
  push(subtree: Buffer, height = 0): void {
    let [carried, at] = [subtree, height]
    for (let left = this.#at[at]; left !== undefined; left = this.#at[at]) {
      carried = nodeHash(left, carried)
      this.#at[at] = undefined
      at += 1
    }
    this.#at[at] = carried
    this.#size += 2 ** height
  }

  /** Leaves, 32 bytes each. */
  pushAll(subtrees: Buffer): void {
    for (let from = 0; from < subtrees.byteLength; from += hashBytes) this.push(subtrees.subarray(from, from + hashBytes))
  }

  root(): Buffer {
    const parts = this.#at.filter((part) => part !== undefined)
    return parts.length === 0 ? emptyRoot() : parts.reduce((right, left) => nodeHash(left, right))
  }
}

/** That `leaf` is the record with this index in the tree of this size and root. */
export function holdsInclusion(leaf: Buffer, index: number, size: number, proof: readonly Buffer[], root: Buffer): boolean {
  if (index >= size) return false
  let [node, last, found] = [index, size - 1, leaf]
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      found = nodeHash(sibling, found)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else found = nodeHash(found, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && found.equals(root)
}

export interface Head {
  readonly size: number
  readonly root: Buffer
}

/** That the tree `older` is the beginning of the tree `newer`. */
export function holdsConsistency(older: Head, newer: Head, proof: readonly Buffer[]): boolean {
  if (older.size > newer.size) return false
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root)
  if (older.size === 0) return proof.length === 0 && older.root.equals(emptyRoot())
  const path = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined) return false
  let [node, last] = [older.size - 1, newer.size - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [olderRoot, newerRoot] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      olderRoot = nodeHash(sibling, olderRoot)
      newerRoot = nodeHash(sibling, newerRoot)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else newerRoot = nodeHash(newerRoot, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && olderRoot.equals(older.root) && newerRoot.equals(newer.root)
}

/** Not by shifts, which end at 2^31. */
const half = (number: number): number => Math.floor(number / 2)
const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size)) && 2 ** Math.log2(size) === size
