/** The files of a log that may be removed while they are read. */
import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { walsAmong } from './layout.ts'

/** Fewer and larger reads: a record is about 500 bytes. */
const chunkBytes = 1024 * 1024

/** Index of the first record of each write-ahead file. Throws what `readdir` throws of the folder. */
export async function walsOf(folder: string): Promise<readonly number[]> {
  return walsAmong((await orNull(readdir(join(folder, 'wal')))) ?? (await readdir(folder)))
}

/** A full bundle of the longest records. */
const maxFileBytes = 256 * (2 + 65_535)
/** No record is nearly as long as this: where no line ends within it, there are no more records. */
const maxLineBytes = 16 * chunkBytes
/** Twice the largest write-ahead file that can be configured. */
const maxEndBytes = 512 * 1024 * 1024

/** Of a larger file than any bundle is only the beginning. `null` where there is no such file. */
export function readOrNull(path: string): Promise<Buffer | null> {
  return withFile(path, async (file, size) => {
    const length = Math.min(size, maxFileBytes)
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, 0)
    return buffer.subarray(0, bytesRead)
  })
}

/** Whole lines from `offset` on, some thousand; a longer line is read as a whole. `null` where the file is not there. */
export async function readLines(path: string, offset: number): Promise<Buffer | null> {
  return withFile(path, async (file) => {
    for (let length = chunkBytes; ; length *= 4) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset)
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
      if (end > 0 || bytesRead < length || length >= maxLineBytes) return buffer.subarray(0, end)
    }
  })
}

/** The last `maxBytes`, and whether that is all. `null` where the file is not there. */
export async function readEnd(path: string, maxBytes: number): Promise<{ readonly bytes: Buffer; readonly isAll: boolean } | null> {
  return withFile(path, async (file, size) => {
    const length = Math.min(size, maxBytes, maxEndBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return { bytes: buffer.subarray(0, bytesRead), isAll: length === size }
  })
}

/** What is not a file, such as a pipe that would be waited for, is not there. */
async function withFile<T>(path: string, read: (file: FileHandle, size: number) => Promise<T>): Promise<T | null> {
  const file = await orNull(open(path, constants.O_RDONLY | constants.O_NONBLOCK))
  if (file === null) return null
  try {
    const found = await file.stat()
    return found.isFile() ? await read(file, found.size) : null
  } finally {
    await file.close()
  }
}

/** What is not there, or no longer. */
export async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
