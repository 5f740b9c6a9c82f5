/** Reads a file that people wrote: a regular one, of bounded size, in UTF-8. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Larger ones are a mistake or an attack; the largest that a decoder is given takes it about a second at worst. */
export const maxTextBytes = 256 * 1024

export type TextOrProblem = { readonly text: string } | { readonly problem: string }

/** Never throws, and never waits: a pipe or device is refused, not read. */
export function readText(file: string, maxBytes: number = maxTextBytes): TextOrProblem {
  let descriptor: number | null = null
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!fstatSync(descriptor).isFile()) return { problem: 'cannot be read: it is not a regular file' }
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(descriptor, buffer, length, buffer.length - length, null)
    if (length > maxBytes) return { problem: `is larger than ${maxBytes} bytes` }
    // Bytes that are no UTF-8 would otherwise become U+FFFD in silence.
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length)) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { problem: code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read: ${code ?? 'unknown error'}` }
  } finally {
    if (descriptor !== null) closeSync(descriptor)
  }
}
