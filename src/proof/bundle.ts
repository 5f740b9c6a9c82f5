/** Entry bundles: records, each behind its length in two bytes. */
import { hashBytes, leafHashInPlace } from './merkle.ts'

/** A record as it stands in a file. */
export interface Copy {
  readonly file: string
  /** From 1; 0 in a file without lines. */
  readonly line: number
  /** Of the record's first byte. */
  readonly offset: number
  /** One byte, which hashing overwrites, and the record. */
  readonly framed: Buffer
}

export const recordOf = ({ framed }: Copy): Buffer => framed.subarray(1)

export interface Bundle {
  readonly copies: readonly Copy[]
  /** Where the bytes are no longer entries; `null`: they are, to the end. */
  readonly brokenAt: number | null
}

export function readBundle(file: string, bytes: Buffer): Bundle {
  const copies: Copy[] = []
  let at = 0
  while (at + 2 <= bytes.byteLength) {
    const start = at + 2
    const end = start + bytes.readUInt16BE(at)
    if (end > bytes.byteLength || end === start) break
    copies.push({ file, line: 0, offset: start, framed: bytes.subarray(start - 1, end) })
    at = end
  }
  return { copies, brokenAt: at === bytes.byteLength ? null : at }
}

/** Their leaf hashes, one behind the other. */
export function hashAll(copies: readonly Copy[]): Buffer {
  const hashes = Buffer.allocUnsafe(copies.length * hashBytes)
  for (const [index, { framed }] of copies.entries()) leafHashInPlace(framed, hashes, index * hashBytes)
  return hashes
}
