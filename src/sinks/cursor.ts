/** How far a sink has been shipped to: a file for each sink, on disk behind what was delivered and never ahead of it. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomically } from '../files/index.ts'

export interface Position {
  /** Of the log that is meant: indexes of another one say nothing of it. */
  readonly origin: string
  /** Index of the first record that is not delivered. */
  readonly next: number
  /** Records directly before `next` that the sink did not get. */
  readonly leftOut: number
  /** SHA-256 of the last checkpoint that was delivered, hex; empty before the first. */
  readonly checkpoint: string
}

export interface Cursor {
  readonly position: Position
  /** On disk within `saveMs`; what a crash takes of it is delivered again. Rejects where it cannot be written. */
  move(position: Position): Promise<void>
  /** What was moved is on disk when it resolves. */
  flush(): Promise<void>
}

/** An fsync for each batch would compete with the log's own. */
const saveMs = 1000

/** `null`: there is none yet. Throws where there is one that cannot be read: to begin again would ship everything again. */
export async function readPosition(file: string): Promise<Position | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const { origin, next, leftOut, checkpoint } = parsed(file, text)
  if (typeof origin !== 'string' || !isCount(next) || !isCount(leftOut) || typeof checkpoint !== 'string') throw damaged(file)
  return { origin, next, leftOut, checkpoint }
}

export async function openCursor(file: string, position: Position): Promise<Cursor> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  let current = position
  let saved: Position | null = null
  let savedAt = 0

  async function save(): Promise<void> {
    if (saved === current) return
    const saving = current
    await writeAtomically(file, `${JSON.stringify({ version: 1, ...saving })}\n`, 0o600)
    saved = saving
    savedAt = performance.now()
  }

  await save()
  return {
    get position() {
      return current
    },
    async move(next) {
      current = next
      if (performance.now() - savedAt >= saveMs) await save()
    },
    flush: save,
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function parsed(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text))
  } catch {
    throw damaged(file)
  }
}

function damaged(file: string): Error {
  return new Error(`${file} does not say how far the sink has come: remove it to ship the whole log again`)
}
