/** All that the log has about one id. */
import type { readRecords, StoredRecord } from '../records/index.ts'
import type { Answers } from './answers.ts'
import type { Entry } from './entry.ts'

export interface Shown {
  /** The request; `null` where only other records name the id. */
  readonly entry: Entry | null
  /** Records about it that are no request's own: differences, revocations. */
  readonly others: readonly Entry[]
  /** The request that it came in, or that it was made for. */
  readonly parent: Entry | null
  /** Requests that came in it, or that were made for it, oldest first. */
  readonly inside: readonly Entry[]
  /** There are more inside than are given. */
  readonly hasMoreInside: boolean
  /** Every record about it as it is in the log, oldest first. */
  readonly records: readonly StoredRecord[]
}

const maxOthers = 200
const maxInside = 200

interface Source {
  /** Folder of the log. */
  readonly log: string
  readonly read: typeof readRecords
}

/** `null` where no record has this id. */
export async function showId(id: string, answers: Answers, { log, read }: Source): Promise<Shown | null> {
  const own = answers.page({ id: [id] }, { limit: maxOthers, oldestFirst: true }).entries
  if (own.length === 0) return null
  const entry = own.find(({ decision }) => decision !== null) ?? null
  const inside = answers.page({ parent: [id] }, { limit: maxInside, oldestFirst: true })
  const parentId = entry?.parent ?? null
  return {
    entry,
    others: own.filter((other) => other !== entry),
    parent: parentId === null ? null : (answers.page({ id: [parentId] }, { limit: 1, oldestFirst: true }).entries[0] ?? null),
    inside: inside.entries,
    hasMoreInside: inside.next !== null,
    records: await recordsAt(own.flatMap(({ index, settledIndex }) => (settledIndex === null ? [index] : [index, settledIndex]))),
  }

  async function recordsAt(indexes: readonly number[]): Promise<readonly StoredRecord[]> {
    const records: StoredRecord[] = []
    for (const index of [...indexes].sort((a, b) => a - b)) {
      const record = await recordAt(index)
      if (record !== null) records.push(record)
    }
    return records
  }

  async function recordAt(index: number): Promise<StoredRecord | null> {
    for await (const [first] of read(log, { from: index })) return first?.index === index ? first : null
    return null
  }
}
