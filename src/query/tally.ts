/** Sums that are kept while the index grows: per day, so that what is asked of all of a large log need not be counted for it. */
import type { DatabaseSync } from 'node:sqlite'
import type { Dictionary } from './dictionary.ts'
import { decisions } from './entry.ts'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** What sums are kept by; the number of each in the table is its place. By path there are as many as requests. */
const kept = ['integration', 'identity', 'decision', 'rule', 'host', 'status', 'problem', 'method', 'kind', 'type', 'hour'] as const
export type KeptKey = (typeof kept)[number]

/** In the table where an entry has no value, or no time: no number of a word, no status and no day is this. */
export const none = -1_000_000_000

/** SQL of what sums are made by, of an entry `e`. */
export function keyOf(name: string): string {
  if (name === 'hour') return `CAST(floor(e.time / ${hourMs}.0) AS INTEGER)`
  if (name === 'day') return `CAST(floor(e.time / ${dayMs}.0) AS INTEGER)`
  return `e.${name}`
}

/** By type, records of any kind are counted; by anything else, requests. */
export function isCounted(name: string): string {
  return name === 'type' ? '1' : 'e.requests > 0'
}

/** SQL of the sums themselves. */
export function aggregates(words: Dictionary): string {
  const [allowed, denied, refused] = decisions.map((decision) => `total(iif(e.decision = ${words.find(decision)}, e.requests, 0))`)
  return `total(max(e.requests, 1)) AS requests, ${allowed} AS allowed, ${denied} AS denied, ${refused} AS refused,
    total(e.sent) AS sentBytes, total(e.received) AS receivedBytes`
}

export function facetNumber(name: string): number {
  return kept.indexOf(name as KeptKey)
}

export interface Tally {
  /** Entries that are complete now. */
  add(indexes: readonly number[]): void
  /** Entries that are removed: all below `first` that are complete, as many as `limit` at a time; before they are removed. */
  subtract(first: number, limit: number): void
}

export function createTally(database: DatabaseSync, words: Dictionary): Tally {
  for (const decision of decisions) words.add(decision)
  database.exec('CREATE TEMP TABLE IF NOT EXISTS counted (seq INTEGER PRIMARY KEY)')
  const clear = database.prepare('DELETE FROM counted')
  const count = database.prepare('INSERT INTO counted VALUES (?)')
  const countBelow = database.prepare(
    'INSERT INTO counted SELECT seq FROM (SELECT seq FROM entry WHERE seq < ? ORDER BY seq LIMIT ?) WHERE seq NOT IN (SELECT rowid FROM open)',
  )
  const statements = { '+': statementsWith('+'), '-': statementsWith('-') }

  return {
    add(indexes) {
      clear.run()
      for (const index of indexes) count.run(index)
      for (const statement of statements['+']) statement.run()
    },
    subtract(first, limit) {
      clear.run()
      countBelow.run(first, limit)
      for (const statement of statements['-']) statement.run()
    },
  }

  function statementsWith(sign: '+' | '-') {
    const sums = ['requests', 'allowed', 'denied', 'refused', 'sentBytes', 'receivedBytes']
    return kept.map((name, facet) =>
      database.prepare(
        `INSERT INTO tally SELECT ${facet}, coalesce(${keyOf('day')}, ${none}) AS day, coalesce(${keyOf(name)}, ${none}) AS value, ${aggregates(words)}
          FROM counted c CROSS JOIN entry e ON e.seq = c.seq WHERE ${isCounted(name)} GROUP BY day, value
          ON CONFLICT DO UPDATE SET ${sums.map((sum) => `${sum} = ${sum} ${sign} excluded.${sum}`).join(', ')}`,
      ),
    )
  }
}
