/** Reads the end of a log, and follows it over rotations. */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { segmentsAmong } from './segments.ts'

export interface TailLine {
  /** Name of the segment. */
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

/** How far a log has been read. */
export interface Position {
  /** `null` where there was no segment yet. */
  readonly file: string | null
  readonly offset: number
  readonly lines: number
}

export interface Tail {
  /** Oldest first; fewer than were asked for where the log has no more. */
  readonly lines: readonly TailLine[]
  readonly end: Position
}

export const pollMs = 200

/** The last `count` records. Throws what `readdir` throws. */
export async function tailAudit(folder: string, count: number): Promise<Tail> {
  const names = await segmentsOf(folder)
  let end: Position = { file: null, offset: 0, lines: 0 }
  // A segment has more lines than a call can have arguments: they are joined, and never spread.
  let last: readonly TailLine[] = []
  // From the newest segment back, as far as is needed.
  for (const file of names.toReversed()) {
    const read = await readFrom(folder, { file, offset: 0, lines: 0 })
    if (end.file === null) end = read.end
    last = read.lines.slice(Math.max(0, read.lines.length - (count - last.length))).concat(last)
    if (last.length >= count) break
  }
  return { lines: last, end }
}

/** Each record behind `from` as it is written, until `signal`. Throws what `readdir` throws. */
export async function* followAudit(folder: string, from: Position, signal?: AbortSignal): AsyncGenerator<TailLine> {
  let at = from
  while (signal?.aborted !== true) {
    // Before the segment is read: where there is a next one by now, nothing more comes into this one.
    const names = await segmentsOf(folder)
    if (at.file !== null) {
      const { lines, end } = await readFrom(folder, { ...at, file: at.file })
      yield* lines
      at = end
    }
    const next = at.file === null ? names[0] : names[names.indexOf(at.file) + 1]
    if (next !== undefined) {
      at = { file: next, offset: 0, lines: 0 }
      continue
    }
    await sleep(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
}

export async function segmentsOf(folder: string): Promise<readonly string[]> {
  return segmentsAmong(await readdir(folder))
}

/** Complete lines from a position on, and where the next one begins. */
export async function readFrom(folder: string, { file, offset, lines: before }: Position & { file: string }): Promise<Tail> {
  const handle = await open(join(folder, file), 'r')
  try {
    const { size } = await handle.stat()
    const bytes = Buffer.alloc(Math.max(0, size - offset))
    const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, offset)
    const whole = bytes.subarray(0, bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1)
    const texts = whole.toString('utf8').split('\n').slice(0, -1)
    return {
      lines: texts.map((text, index) => ({ file, line: before + index + 1, text })),
      end: { file, offset: offset + whole.byteLength, lines: before + texts.length },
    }
  } finally {
    await handle.close()
  }
}
