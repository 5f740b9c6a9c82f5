/** Hashes of the tree of RFC 6962 §2.1 and RFC 9162 §2.1: SHA-256, with one byte in front that tells leaves and nodes apart. */
import { hash } from 'node:crypto'

export const hashBytes = 32

/** Root of a tree without leaves. */
export const emptyRoot: Buffer = hash('sha256', '', 'buffer')

/** Of `bytes[start, end)`. The byte before `start` is overwritten: no copy is made on the path of every record. */
export function leafHashInPlace(bytes: Buffer, start: number, end: number): Buffer {
  bytes[start - 1] = 0
  return hash('sha256', bytes.subarray(start - 1, end), 'buffer')
}

export function leafHash(record: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.of(0), record]), 'buffer')
}

const node = Buffer.alloc(1 + 2 * hashBytes, 1)

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1)
  node.set(right, 1 + hashBytes)
  return hash('sha256', node, 'buffer')
}
