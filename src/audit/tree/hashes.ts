/** Hashes of the tree of RFC 6962 §2.1 and RFC 9162 §2.1: SHA-256, with one byte in front that tells leaves and nodes apart. */
import { hash } from 'node:crypto'

export const hashBytes = 32

/** Root of a tree without leaves. */
export const emptyRoot: Buffer = hash('sha256', '', 'buffer')

/** Of `bytes[start, end)`. The byte before `start` is overwritten: no copy is made on the path of every record. */
export function leafHashInPlace(bytes: Buffer, start: number, end: number): Buffer {
  bytes[start - 1] = 0
  return sha256(bytes.subarray(start - 1, end))
}

export function leafHash(record: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.of(0), record]))
}

const node = Buffer.alloc(1 + 2 * hashBytes, 1)

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1)
  node.set(right, 1 + hashBytes)
  return sha256(node)
}

/** By way of a string, which takes half the time of `hash` with a Buffer as its result: that one's memory is its own. */
function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
}
