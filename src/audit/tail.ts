/** Reads the end of a log, and follows it over rotations. */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TailOptions {
  /** Records to begin with. */
  readonly lines: number
  readonly follow: boolean
  readonly signal?: AbortSignal
}

const pollMs = 200

/** Each record's line. Throws what `readdir` throws. */
export async function* tailAudit(folder: string, { lines, follow, signal }: TailOptions): AsyncGenerator<string> {
  let names = await segments(folder)
  const last: string[] = []
  // From the newest segment back, as far as is needed.
  for (const name of names.toReversed()) {
    const { text } = await readFrom(join(folder, name), 0)
    last.unshift(...text.slice(-Math.max(0, lines - last.length)))
    if (last.length >= lines) break
  }
  yield* lines === 0 ? [] : last
  if (!follow) return
  let current = names.at(-1)
  let offset = current === undefined ? 0 : (await readFrom(join(folder, current), 0)).end
  while (signal?.aborted !== true) {
    if (current !== undefined) {
      const { text, end } = await readFrom(join(folder, current), offset)
      yield* text
      offset = end
    }
    names = await segments(folder)
    const next = current === undefined ? names[0] : names[names.indexOf(current) + 1]
    if (next !== undefined) {
      current = next
      offset = 0
      continue
    }
    await sleep(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
}

async function segments(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => /^\d{8,}\.jsonl$/.test(name)).sort()
}

/** Complete lines from `offset` on, and where the next one begins. */
async function readFrom(path: string, offset: number): Promise<{ text: readonly string[]; end: number }> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const bytes = Buffer.alloc(Math.max(0, size - offset))
    const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, offset)
    const whole = bytes.subarray(0, bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1)
    return { text: whole.toString('utf8').split('\n').slice(0, -1), end: offset + whole.byteLength }
  } finally {
    await handle.close()
  }
}
