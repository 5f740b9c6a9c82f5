/** Brings an index up to date: reads the log from where it was left, and writes what it reads in groups. */
import { hash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { StoredRecord } from '../records/index.ts'
import { createDictionary } from './dictionary.ts'
import { entryOfRow, prepareInsert, storedValues } from './entry-table.ts'
import { createJoin, type Join, type Joined } from './join.ts'
import { createTally } from './tally.ts'
import { termsOf } from './words.ts'

/** Records of a transaction: a build that is interrupted goes on behind the last one. */
const groupRecords = 10_000
/** A span that is larger says too little about its times. */
const spanRecords = 16_384

export interface Position {
  /** Index of the first record that was not read yet. */
  readonly next: number
  /** Of the oldest record that the log still has. */
  readonly first: number
  /** Hash of the record before `next`; empty where there is none. */
  readonly last: string
}

export function positionOf(database: DatabaseSync): Position {
  return { ...database.prepare('SELECT * FROM position').get() } as unknown as Position
}

export function hashOf(text: string): string {
  return hash('sha256', text)
}

export interface Writing {
  /** Takes records in the order of the log. */
  add(records: readonly StoredRecord[]): void
  /** Writes what is left of a group. */
  finish(): void
}

/** `onGroup` is called behind each group that is on disk, with the index of the next record. */
export function createWriting(database: DatabaseSync, onGroup: (next: number) => void = () => {}): Writing {
  const words = createDictionary(database)
  const tally = createTally(database, words)
  const insertEntry = prepareInsert(database)
  const insertFound = database.prepare('INSERT INTO found (rowid, words) VALUES (?, ?)')
  const insertOpen = database.prepare('INSERT INTO open (rowid, words, texts) VALUES (?, ?, ?)')
  const removeOpen = database.prepare('DELETE FROM open WHERE rowid = ?')
  const lastSpan = database.prepare('SELECT * FROM span ORDER BY first DESC LIMIT 1')
  const insertSpan = database.prepare('INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?)')
  const move = database.prepare('UPDATE position SET next = ?, last = ?')
  /** Rows of `open`. */
  const stored = new Set<number>()
  const join = restored()
  let group: StoredRecord[] = []

  return {
    add(records) {
      for (const record of records) {
        group.push(record)
        if (group.length === groupRecords) this.finish()
      }
    },
    finish() {
      const last = group.at(-1)
      if (last === undefined) return
      database.exec('BEGIN IMMEDIATE')
      try {
        write(group)
        move.run(last.index + 1, hashOf(last.text))
        database.exec('COMMIT')
      } catch (error) {
        words.forget()
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
      group = []
      onGroup(last.index + 1)
    },
  }

  function restored(): Join {
    const rows = database.prepare('SELECT e.*, o.texts FROM open o JOIN entry e ON e.seq = o.rowid').all()
    for (const { seq } of rows) stored.add(seq as number)
    return createJoin(rows.map((row) => ({ entry: entryOfRow(row, words), texts: row['texts'] as string })))
  }

  function write(records: readonly StoredRecord[]): void {
    const from = records[0]?.index ?? 0
    const complete = records.flatMap((record) => join.take(record))
    // The lists of the index grow at their ends.
    complete.sort((a, b) => a.entry.index - b.entry.index)
    for (const joined of complete) {
      const { index } = joined.entry
      insertEntry.run(...storedValues(joined.entry, words))
      insertFound.run(index, wordsOf(joined))
      if (stored.delete(index)) removeOpen.run(index)
    }
    for (const joined of join.open.values())
      if (joined.entry.index >= from) {
        insertEntry.run(...storedValues(joined.entry, words))
        insertOpen.run(joined.entry.index, wordsOf(joined), joined.texts)
        stored.add(joined.entry.index)
      }
    tally.add(complete.map(({ entry }) => entry.index))
    noteTimes(from, records, complete)
  }

  function wordsOf({ entry, texts }: Joined): string {
    return termsOf(entry, words.add) + texts
  }

  function noteTimes(from: number, records: readonly StoredRecord[], complete: readonly Joined[]): void {
    const began = [...complete, ...join.open.values()].filter(({ entry }) => entry.index >= from && entry.time !== null)
    if (began.length === 0) return
    const times = began.map(({ entry }) => entry.time as number)
    let [earliest, latest] = [times[0] as number, times[0] as number]
    for (const time of times) [earliest, latest] = [Math.min(earliest, time), Math.max(latest, time)]
    const last = records.at(-1)?.index ?? from
    const before = lastSpan.get() as { first: number; earliest: number; latest: number } | undefined
    if (before !== undefined && last - before.first < spanRecords)
      insertSpan.run(before.first, last, Math.min(before.earliest, earliest), Math.max(before.latest, latest))
    else insertSpan.run(from, last, earliest, latest)
  }
}
