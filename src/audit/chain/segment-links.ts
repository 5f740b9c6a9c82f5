/** Where one segment follows another: the chain must hold there, or the log is not continued. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../audit-error.ts'
import { brokenAt, hashLine, parseLine } from './line.ts'

/**
 * Reads the first and the last line of each segment, from the newest back to where the log was last closed. Throws `AuditError`
 * where the chain does not hold. Segments that are missing at the beginning are not checked.
 */
export function checkSegmentLinks(folder: string, names: readonly string[]): void {
  for (let index = names.length - 1; index > 0; index -= 1) {
    const [before, name] = [names[index - 1] as string, names[index] as string]
    const file = join(folder, name)
    if (Number.parseInt(name, 10) !== Number.parseInt(before, 10) + 1)
      throw new AuditError(`${file}: a segment before it is missing. ${brokenAt(file, 1).message}`)
    const first = parseLine(file, 1, firstLineOf(file))
    // What lies before it is known to be broken.
    if (first.type === 'continued') return
    const last = lastLineOf(join(folder, before))
    if (first.prev !== hashLine(last)) throw brokenAt(file, 1)
    if (first.seq !== parseLine(join(folder, before), 0, last).seq + 1) throw brokenAt(file, 1)
  }
}

/** Without its newline. Throws `AuditError` where the file has no line. */
export function lastLineOf(file: string): Buffer {
  return readUntil(file, (size, length) => size - length, found)

  function found(bytes: Buffer, isAll: boolean): Buffer | null {
    const end = bytes.lastIndexOf(0x0a)
    const start = end < 1 ? -1 : bytes.lastIndexOf(0x0a, end - 1)
    return end >= 0 && (start >= 0 || isAll) ? bytes.subarray(start + 1, end) : null
  }
}

function firstLineOf(file: string): Buffer {
  return readUntil(
    file,
    () => 0,
    (bytes) => {
      const end = bytes.indexOf(0x0a)
      return end < 0 ? null : bytes.subarray(0, end)
    },
  )
}

/** A record has less than 32 KiB, mostly. */
const firstReadBytes = 64 * 1024

/** Reads more and more of a file until a line is found in it. */
function readUntil(
  file: string,
  from: (size: number, length: number) => number,
  find: (bytes: Buffer, isAll: boolean) => Buffer | null,
): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    for (let length = Math.min(size, firstReadBytes); ; length = Math.min(size, length * 4)) {
      const bytes = Buffer.alloc(length)
      const read = readSync(descriptor, bytes, 0, length, from(size, length))
      const line = find(bytes.subarray(0, read), length === size)
      if (line !== null) return line
      if (length === size) throw brokenAt(file, 1)
    }
  } finally {
    closeSync(descriptor)
  }
}
