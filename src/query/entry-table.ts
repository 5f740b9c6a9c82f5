/** Entries as rows of the index, and back. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Dictionary } from './dictionary.ts'
import type { DecisionName, Entry } from './entry.ts'

/** In the order of the table's columns: how each is stored. A word is stored by its number. */
const columns = [
  ['index', 'seq', 'plain'],
  ['settledIndex', 'settled', 'plain'],
  ['time', 'time', 'plain'],
  ['type', 'type', 'word'],
  ['id', 'id', 'plain'],
  ['parent', 'parent', 'plain'],
  ['integration', 'integration', 'word'],
  ['identity', 'identity', 'word'],
  ['decision', 'decision', 'word'],
  ['rule', 'rule', 'word'],
  ['kind', 'kind', 'word'],
  ['action', 'action', 'word'],
  ['method', 'method', 'word'],
  ['scheme', 'scheme', 'word'],
  ['host', 'host', 'word'],
  ['port', 'port', 'plain'],
  ['place', 'place', 'word'],
  ['path', 'path', 'plain'],
  ['query', 'query', 'plain'],
  ['status', 'status', 'plain'],
  ['problem', 'problem', 'word'],
  ['detail', 'detail', 'plain'],
  ['requests', 'requests', 'plain'],
  ['sentBytes', 'sent', 'plain'],
  ['receivedBytes', 'received', 'plain'],
  ['durationMs', 'duration', 'plain'],
  ['complete', 'complete', 'flag'],
  ['claimed', 'claimed', 'plain'],
] as const

type Stored = string | number | null

export function prepareInsert(database: DatabaseSync): StatementSync {
  return database.prepare(`INSERT OR REPLACE INTO entry VALUES (${columns.map(() => '?').join(', ')})`)
}

export function storedValues(entry: Entry, words: Dictionary): Stored[] {
  return columns.map(([member, , form]) => {
    const value = entry[member]
    if (value === null) return null
    if (form === 'word') return words.add(value as string)
    return typeof value === 'boolean' ? Number(value) : value
  })
}

export function entryOfRow(row: Readonly<Record<string, unknown>>, words: Dictionary): Entry {
  const value = (column: string, form: string) => {
    const stored = row[column] as Stored
    if (stored === null) return null
    if (form === 'word') return words.text(stored as number)
    return form === 'flag' ? stored === 1 : stored
  }
  return Object.fromEntries(columns.map(([member, column, form]) => [member, value(column, form)])) as unknown as Entry & {
    decision: DecisionName | null
  }
}
