/** Records as the lines of a write-ahead file: a checksum, a space, the record. */
import { crc32 } from 'node:zlib'

/** Records that were written together. */
export interface WalGroup {
  /** Index of the first record. */
  readonly first: number
  readonly bytes: Buffer
  /** Of each record, where its line feed is. */
  readonly ends: readonly number[]
}

/** Eight hexadecimal digits and a space. */
export const prefixBytes = 9
const noChecksum = '00000000 '

/** `lines`: at least one, each without line feeds. */
export function encodeGroup(first: number, lines: readonly string[]): WalGroup {
  const bytes = Buffer.from(`${noChecksum}${lines.join(`\n${noChecksum}`)}\n`)
  const ends: number[] = []
  for (let from = 0; from < bytes.byteLength; ) {
    const end = bytes.indexOf(0x0a, from)
    writeHex(bytes, from, crc32(bytes.subarray(from + prefixBytes, end)))
    ends.push(end)
    from = end + 1
  }
  return { first, bytes, ends }
}

/** Of whole lines. */
export function groupOf(first: number, bytes: Buffer): WalGroup {
  const ends: number[] = []
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, end + 1)) ends.push(end)
  return { first, bytes, ends }
}

/** Whether a line's checksum is the one of its record. */
export function holds(bytes: Buffer, from: number, end: number): boolean {
  if (end - from < prefixBytes || bytes[from + prefixBytes - 1] !== 0x20) return false
  const checksum = crc32(bytes.subarray(from + prefixBytes, end))
  for (let nibble = 0; nibble < 8; nibble += 1) if (bytes[from + nibble] !== digits[(checksum >>> (28 - 4 * nibble)) & 15]) return false
  return true
}

const digits = Buffer.from('0123456789abcdef')

function writeHex(bytes: Buffer, at: number, value: number): void {
  for (let nibble = 0; nibble < 8; nibble += 1) bytes[at + nibble] = digits[(value >>> (28 - 4 * nibble)) & 15] as number
}
