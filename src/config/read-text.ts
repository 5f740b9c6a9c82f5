/** Reads a file that a person wrote: a regular file of bounded size, in UTF-8. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Larger files are a mistake or an attack; the largest text that a decoder gets takes it about a second at worst. */
export const maxTextBytes = 256 * 1024

export type TextOrProblem = { readonly text: string } | { readonly problem: string }

/** Never throws, and never waits: a pipe or device is refused, not read. */
export function readText(file: string, maxBytes: number = maxTextBytes): TextOrProblem {
  let descriptor: number | null = null
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return { problem: 'cannot be read: it is not a regular file' }
    const expected = Math.min(stat.size, maxBytes)
    let content = readUpTo(descriptor, expected + 1)
    // It has grown meanwhile, or is a kind of file that does not report its size.
    if (content.length > expected && expected < maxBytes) content = readUpTo(descriptor, maxBytes + 1)
    if (content.length > maxBytes) return { problem: `is larger than ${maxBytes} bytes` }
    // Bytes that are not UTF-8 would otherwise silently become U+FFFD.
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(content) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { problem: code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read: ${code ?? 'unknown error'}` }
  } finally {
    if (descriptor !== null) closeSync(descriptor)
  }
}

/** From the beginning. */
function readUpTo(descriptor: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  let length = 0
  for (let read = -1; read !== 0 && length < bytes; length += read) read = readSync(descriptor, buffer, length, bytes - length, length)
  return buffer.subarray(0, length)
}
