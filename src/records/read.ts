/** Every record of a log, oldest first. */
import { createReadStream } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../text/index.ts'
import { segmentsAmong } from './segments.ts'

/** Fewer and larger reads: a record is about 500 bytes. */
const chunkBytes = 1024 * 1024

/**
 * Throws what `readdir` throws; a torn last line, as a crash leaves it, is passed over. With `types`, records of no other
 * type are parsed: of a busy log, that is half the work and more. With `mention`, no others than those in which that stands as a
 * string: what does not hold it is not even made text of.
 */
export async function* readAudit(folder: string, types: readonly string[] = [], mention: string | null = null): AsyncGenerator<unknown> {
  const names = segmentsAmong(await readdir(folder))
  const marks = types.map((type) => `"type":${JSON.stringify(type)}`)
  const bytes = mention === null ? null : Buffer.from(JSON.stringify(mention))
  for (const name of names)
    for await (const lines of bytes === null ? linesOf(join(folder, name)) : linesWith(join(folder, name), bytes))
      for (const line of lines) {
        if (marks.length > 0 && !marks.some((mark) => line.includes(mark))) continue
        const record = parse(line)
        if (record !== undefined && (types.length === 0 || types.includes((record as { type?: string }).type ?? ''))) yield record
      }
}

/** Records of a type among the last `maxBytes` of the log, newest first. Throws what the file system throws. */
export async function readNewest(folder: string, type: string, maxBytes: number): Promise<readonly unknown[]> {
  const found: unknown[] = []
  let left = maxBytes
  for (const name of segmentsAmong(await readdir(folder)).toReversed()) {
    const bytes = await endOf(join(folder, name), left)
    // What begins in front of the bytes is not a whole line, and does not parse as a record.
    const records = bytes.toString('utf8').split('\n').map(parse).toReversed()
    found.push(...records.filter((record) => (record as { type?: unknown } | undefined)?.type === type))
    left -= bytes.byteLength
    if (left <= 0) break
  }
  return found
}

async function endOf(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** A chunk's complete lines at a time: a promise per line would cost more than parsing it. */
async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  let rest = ''
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: chunkBytes }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield lines
  }
  if (rest !== '') yield [rest]
}

/** The same of lines that hold `needle`. */
async function* linesWith(path: string, needle: Buffer): AsyncGenerator<readonly string[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
    const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf(newline) + 1
    rest = bytes.subarray(end)
    const lines = linesAround(bytes.subarray(0, end), needle)
    if (lines.length > 0) yield lines
  }
  if (rest.includes(needle)) yield [rest.toString('utf8')]
}

function linesAround(bytes: Buffer, needle: Buffer): string[] {
  const lines: string[] = []
  for (let at = bytes.indexOf(needle); at >= 0; ) {
    const end = bytes.indexOf(newline, at)
    lines.push(bytes.toString('utf8', bytes.lastIndexOf(newline, at) + 1, end))
    at = bytes.indexOf(needle, end)
  }
  return lines
}

const newline = 0x0a

function parse(line: string): unknown {
  try {
    const record: unknown = parseJson(line)
    return typeof record === 'object' && record !== null ? record : undefined
  } catch {
    return undefined
  }
}
