/** The records of a log as values, oldest or newest first; those of a chain of before the log became a tree too. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../text/index.ts'
import { readBackward } from './backward.ts'
import { readEntries } from './forward.ts'
import { segmentsAmong } from './segments.ts'

/** Fewer and larger reads: a record is about 500 bytes. */
const chunkBytes = 1024 * 1024
const maxLineBytes = 4 * chunkBytes

/**
 * Throws what `readdir` throws; a torn last line, as a crash leaves it, is passed over. With `types`, records of no other
 * type are parsed: of a busy log, that is half the work and more. With `mention`, no others than those in which that stands as a
 * string: what does not hold it is not even made text of.
 */
export async function* readAudit(folder: string, types: readonly string[] = [], mention: string | null = null): AsyncGenerator<unknown> {
  const read = reader(types, mention)
  for await (const lines of linesOf(folder))
    for (const line of lines) {
      const record = read(line)
      if (record !== undefined) yield record
    }
}

/** The same, newest first: who has found what is asked for need not read the rest. */
export async function* readAuditBackward(folder: string, types: readonly string[], mention: string): AsyncGenerator<unknown> {
  const read = reader(types, mention)
  for await (const { entries } of readBackward(folder, Number.POSITIVE_INFINITY))
    for (const { bytes } of entries.toReversed()) {
      const record = read(bytes)
      if (record !== undefined) yield record
    }
}

/** Gives a line's record, where it is one of those that are asked for. */
function reader(types: readonly string[], mention: string | null): (line: Buffer) => unknown {
  const marks = types.map((type) => Buffer.from(`"type":${JSON.stringify(type)}`))
  const needle = mention === null ? null : Buffer.from(JSON.stringify(mention))
  return (line) => {
    if (needle !== null && !line.includes(needle)) return undefined
    if (marks.length > 0 && !marks.some((mark) => line.includes(mark))) return undefined
    const record = parse(line)
    const isAsked = types.length === 0 || types.includes((record as { type?: string } | undefined)?.type ?? '')
    return isAsked ? record : undefined
  }
}

/** Records of a type among the last `maxBytes` of the log, newest first. Throws what the file system throws. */
export async function readNewest(folder: string, type: string, maxBytes: number): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for await (const { entries } of readBackward(folder, maxBytes)) {
    const records = entries.toReversed().map(({ bytes }) => parse(bytes))
    for (const record of records) if ((record as { type?: unknown } | undefined)?.type === type) found.push(record)
  }
  return found
}

async function* linesOf(folder: string): AsyncGenerator<readonly Buffer[]> {
  for (const name of segmentsAmong(await readdir(folder))) yield* linesOfSegment(join(folder, name))
  for await (const entries of readEntries(folder, {})) yield entries.map(({ bytes }) => bytes)
}

/** A chunk's complete lines at a time: a promise per line would cost more than parsing it. */
async function* linesOfSegment(path: string): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
    const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
    const lines: Buffer[] = []
    let from = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
      lines.push(bytes.subarray(from, end))
      from = end + 1
    }
    // No record is as long: the rest of such a line is another one.
    rest = bytes.byteLength - from > maxLineBytes ? Buffer.alloc(0) : bytes.subarray(from)
    yield lines
  }
  if (rest.byteLength > 0) yield [rest]
}

function parse(line: Buffer): unknown {
  try {
    const record: unknown = parseJson(line.toString('utf8'))
    return typeof record === 'object' && record !== null ? record : undefined
  } catch {
    return undefined
  }
}
