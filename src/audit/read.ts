/** Every record of a log, oldest first. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../core/index.ts'
import { segmentsAmong } from './chain.ts'

/** Fewer and larger reads: a record is about 500 bytes. */
const chunkBytes = 1024 * 1024

/**
 * Throws what `readdir` throws; a torn last line, as a crash leaves it, is passed over. With `types`, records of no other
 * type are parsed: of a busy log, that is half the work and more.
 */
export async function* readAudit(folder: string, types: readonly string[] = []): AsyncGenerator<unknown> {
  const names = segmentsAmong(await readdir(folder))
  const marks = types.map((type) => `"type":${JSON.stringify(type)}`)
  for (const name of names)
    for await (const lines of linesOf(join(folder, name)))
      for (const line of lines) {
        if (marks.length > 0 && !marks.some((mark) => line.includes(mark))) continue
        const record = parse(line)
        if (record !== undefined && (types.length === 0 || types.includes((record as { type?: string }).type ?? ''))) yield record
      }
}

/** A chunk's complete lines at a time: a promise a line would cost more than parsing it. */
async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  let rest = ''
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: chunkBytes }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield lines
  }
  if (rest !== '') yield [rest]
}

function parse(line: string): unknown {
  try {
    const record: unknown = parseJson(line)
    return typeof record === 'object' && record !== null ? record : undefined
  } catch {
    return undefined
  }
}
