/** What there is to ship, in its order: records in batches, and each checkpoint behind the records that it covers. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readRecords, type StoredRecord } from '../records/index.ts'

export interface Checkpoint {
  readonly size: number
  readonly note: string
  /** SHA-256 of the note, hex. */
  readonly hash: string
}

export interface FeedBatch {
  readonly records: readonly StoredRecord[]
  /** Covers no record behind these. */
  readonly checkpoint: Checkpoint | null
}

export interface FeedOptions {
  /** Of the log. */
  readonly folder: string
  readonly from: number
  /** Hash of the checkpoint that was shipped last. */
  readonly shipped: string
  readonly maxRecords: number
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** `false`: ends where the log ends, with its last checkpoint. */
  readonly follow?: boolean
}

/** How often a new checkpoint is looked for. */
const pollMs = 1000

/** Waits for more until `signal`, unless it does not follow. Never gives an empty batch. Throws what reading throws. */
export async function* feed({
  folder,
  from,
  shipped,
  maxRecords,
  maxBytes,
  signal,
  follow = true,
}: FeedOptions): AsyncGenerator<FeedBatch> {
  const checkpoints = createCheckpoints(folder, shipped)
  const reader = readRecords(folder, { from, follow, signal })
  let next = from
  try {
    let reading = reader.next()
    while (!signal.aborted) {
      const read = await Promise.race([reading, sleep(pollMs, null, { signal }).catch(() => null)])
      if (read?.done === true) {
        const last = await checkpoints.last(next)
        if (last !== null) yield { records: [], checkpoint: last }
        return
      }
      const records = read?.value ?? []
      for (const batch of split(records, maxRecords, maxBytes)) {
        next = (batch.at(-1) as StoredRecord).index + 1
        yield { records: batch, checkpoint: await checkpoints.covered(next) }
      }
      if (read !== null) reading = reader.next()
      const checkpoint = records.length > 0 ? null : await checkpoints.covered(next)
      if (checkpoint !== null) yield { records: [], checkpoint }
    }
  } finally {
    // A read that waits ends with the signal, and `return` waits for it.
    if (signal.aborted) await reader.return(undefined)
  }
}

function* split(records: readonly StoredRecord[], maxRecords: number, maxBytes: number): Generator<readonly StoredRecord[]> {
  let batch: StoredRecord[] = []
  let bytes = 0
  for (const record of records) {
    if (batch.length > 0 && (batch.length >= maxRecords || bytes + record.text.length > maxBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += record.text.length
  }
  if (batch.length > 0) yield batch
}

/** One that is ahead of what was read is kept until that has come so far: of a log that always grows, the newest always is. */
function createCheckpoints(folder: string, shipped: string) {
  let given = shipped
  let waiting: Checkpoint | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  function take(next: number): Checkpoint | null {
    if (waiting?.hash === given) waiting = null
    if (waiting === null || waiting.size > next) return null
    const found = waiting
    given = found.hash
    waiting = null
    return found
  }

  return {
    /** A checkpoint that was not given yet, and covers no record from `next` on. */
    async covered(next: number): Promise<Checkpoint | null> {
      const now = performance.now()
      if (waiting === null && now - lookedAt >= pollMs) {
        lookedAt = now
        waiting = await readCheckpoint(folder)
      }
      return take(next)
    },
    /** The same, of the newest there is. */
    async last(next: number): Promise<Checkpoint | null> {
      waiting = await readCheckpoint(folder)
      return take(next)
    },
  }
}

/** The newest that was published; `null` before the first. */
export async function readCheckpoint(folder: string): Promise<Checkpoint | null> {
  const note = await readText(join(folder, 'checkpoint'))
  const size = Number(note?.split('\n')[1])
  return note === null || !Number.isSafeInteger(size) ? null : { size, note, hash: createHash('sha256').update(note).digest('hex') }
}

async function readText(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
}
