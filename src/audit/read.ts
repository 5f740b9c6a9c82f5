/** Every record of a log, oldest first. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseJson } from '../core/index.ts'

/** Throws what `readdir` throws; a torn last line, as a crash leaves it, is passed over. */
export async function* readAudit(folder: string): AsyncGenerator<unknown> {
  const names = (await readdir(folder)).filter((name) => /^\d{8,}\.jsonl$/.test(name)).sort()
  for (const name of names)
    for await (const line of createInterface({ input: createReadStream(join(folder, name), 'utf8') })) {
      const record = parse(line)
      if (record !== undefined) yield record
    }
}

function parse(line: string): unknown {
  try {
    return parseJson(line)
  } catch {
    return undefined
  }
}
