/** Joins what is decided or refused with how it was settled: one entry per request, however far apart its records are. */
import type { StoredRecord } from '../records/index.ts'
import { type Entry, entryOf, type LogRecord, readRecord, settledEntry } from './entry.ts'
import { textsOf } from './words.ts'

export interface Joined {
  readonly entry: Entry
  /** What free text is looked for in. */
  readonly texts: string
}

export interface Join {
  /** Takes the next record; gives what it completes. */
  take(record: StoredRecord): readonly Joined[]
  /** Requests that are not settled yet, by their id. */
  readonly open: ReadonlyMap<string, Joined>
}

/** `open`: what was open where reading goes on. */
export function createJoin(before: Iterable<Joined> = []): Join {
  const open = new Map<string, Joined>()
  for (const joined of before) open.set(joined.entry.id ?? '', joined)

  return {
    open,
    take({ index, text }) {
      const record = readRecord(text)
      if (record?.['type'] === 'settled') return settle(index, record)
      const joined = { entry: entryOf(index, record), texts: textsOf(record ?? { text }) }
      const { type, id, decision } = joined.entry
      // A gateway that starts settles nothing of the one before.
      if (type === 'started') return [...closeAll(), joined]
      if (decision === null || id === null) return [joined]
      const earlier = open.get(id)
      open.set(id, joined)
      return earlier === undefined ? [] : [earlier]
    },
  }

  function settle(index: number, record: LogRecord): readonly Joined[] {
    const id = String(record['id'])
    const decided = open.get(id)
    // Retention has removed its first record.
    if (decided === undefined) return []
    open.delete(id)
    return [{ entry: settledEntry(decided.entry, index, record), texts: `${decided.texts} ${textsOf(record)}` }]
  }

  function closeAll(): readonly Joined[] {
    const all = [...open.values()]
    open.clear()
    return all
  }
}
