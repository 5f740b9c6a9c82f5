/** What retention has removed from the log disappears from its index. */
import type { DatabaseSync } from 'node:sqlite'
import { createDictionary } from './dictionary.ts'
import { createTally } from './tally.ts'

/** Rows of a transaction. */
const groupRows = 10_000

/** `first`: index of the oldest record that the log has. */
export function removeBelow(first: number, database: DatabaseSync): void {
  if (database.prepare('SELECT first FROM position').get()?.['first'] === first) return
  const tally = createTally(database, createDictionary(database))
  const below = `SELECT seq FROM entry WHERE seq < ${first} ORDER BY seq LIMIT ${groupRows}`
  const removeFound = database.prepare(
    `DELETE FROM found WHERE rowid IN (SELECT seq FROM (${below}) WHERE seq NOT IN (SELECT rowid FROM open))`,
  )
  const removeEntries = database.prepare(`DELETE FROM entry WHERE seq IN (${below})`)
  for (let removed = groupRows; removed === groupRows; ) {
    database.exec('BEGIN IMMEDIATE')
    try {
      tally.subtract(first, groupRows)
      removeFound.run()
      removed = Number(removeEntries.run().changes)
      if (removed < groupRows) {
        database.prepare('DELETE FROM open WHERE rowid < ?').run(first)
        database.prepare('DELETE FROM span WHERE last < ?').run(first)
        database.exec('DELETE FROM tally WHERE requests = 0')
        database.prepare('UPDATE position SET first = ?').run(first)
      }
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}
