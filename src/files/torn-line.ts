/** Files of lines that are appended to: a last line that a crash or a full disk has torn is cut before anything follows it. */
import type { FileHandle } from 'node:fs/promises'

/** A line that is torn is shorter than the longest one. */
const maxLineBytes = 1024 * 1024
const newline = 0x0a

/** Throws where the last line is longer than any. */
export async function cutTornLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  const length = Math.min(size, maxLineBytes)
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
  const end = buffer.lastIndexOf(newline) + 1
  if (end === length) return
  if (end === 0 && length < size) throw new Error('its last line is longer than any record: it is not a file of JSON lines')
  await file.truncate(size - length + end)
}
