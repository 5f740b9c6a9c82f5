/** The hashes that stand for a log of any length (RFC 9162, 2.1): what a root is computed of, and grows by leaves. */
import { createHash } from 'node:crypto'

/** Hash of each perfect subtree, from the left; as many as the size has bits that are set. */
export type CompactRange = readonly Buffer[]

export function leafHash(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(leafPrefix).update(bytes).digest()
}

/** The range of `size` leaves, and one more. */
export function append(range: CompactRange, size: number, leaf: Buffer): CompactRange {
  const merged = [...range]
  let hash = leaf
  // A subtree of each low bit that is set becomes the left half of a larger one.
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) hash = nodeHash(merged.pop() as Buffer, hash)
  merged.push(hash)
  return merged
}

export function rootOf(range: CompactRange): Buffer {
  const last = range.at(-1)
  if (last === undefined) return createHash('sha256').digest()
  return range.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last)
}

/** Whether `range` can be that of `size` leaves. */
export function hasLengthOf(range: CompactRange, size: number): boolean {
  return range.length === [...size.toString(2)].filter((bit) => bit === '1').length
}

const leafPrefix = Buffer.from([0])
const nodePrefix = Buffer.from([1])

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest()
}
