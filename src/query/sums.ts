/** Sums over requests: how many there were, how they were decided, and their bytes, by one of their values. */
import type { DatabaseSync } from 'node:sqlite'
import type { Dictionary } from './dictionary.ts'
import { decisions } from './entry.ts'
import type { Question } from './filter.ts'

/** What sums can be made by. */
export const sumKeys = [
  'host',
  'rule',
  'integration',
  'identity',
  'decision',
  'status',
  'problem',
  'method',
  'kind',
  'path',
  'hour',
  'day',
  'type',
] as const
export type By = (typeof sumKeys)[number]

export interface Sum {
  /** `null`: of the requests that have none. Hours and days are in UTC: `2026-11-28T04`, `2026-11-28`. */
  readonly value: string | null
  /** By type: records of any kind, of which a request counts once. */
  readonly requests: number
  readonly allowed: number
  readonly denied: number
  readonly refused: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const expressions: Readonly<Partial<Record<By, string>>> = {
  hour: `CAST(floor(e.time / ${hourMs}.0) AS INTEGER)`,
  day: `CAST(floor(e.time / ${dayMs}.0) AS INTEGER)`,
}

/** Largest first; of hours and days the newest first. */
export function sumsOf(question: Question, by: By, database: DatabaseSync, words: Dictionary): readonly Sum[] {
  const key = expressions[by] ?? `e.${by}`
  const rows = question.match === null ? ['entry e'] : ['found', 'open'].map((table) => `${table} f CROSS JOIN entry e ON e.seq = f.rowid`)
  const totals = new Map<unknown, Sum>()
  const [allow, deny, refused] = decisions.map((decision) => words.find(decision))
  for (const from of rows) {
    const table = from.split(' ')[0]
    const where = [
      'e.seq BETWEEN ? AND ?',
      ...(question.match === null ? [] : [`${table} MATCH ?`]),
      ...(by === 'type' ? [] : ['e.requests > 0']),
      ...(question.where === '' ? [] : [question.where]),
    ]
    const statement = database.prepare(
      `SELECT ${key} AS key, sum(max(requests, 1)) AS requests, sum(iif(decision = ${allow}, requests, 0)) AS allowed,
        sum(iif(decision = ${deny}, requests, 0)) AS denied, sum(iif(decision = ${refused}, requests, 0)) AS refused,
        total(sent) AS sentBytes, total(received) AS receivedBytes
      FROM ${from} WHERE ${where.join(' AND ')} GROUP BY key`,
    )
    const values = [question.from, question.to, ...(question.match === null ? [] : [question.match]), ...question.values]
    for (const row of statement.iterate(...values)) add(row)
  }
  const isTime = by === 'hour' || by === 'day'
  return [...totals.values()].sort((a, b) =>
    isTime ? compare(b.value ?? '', a.value ?? '') : b.requests - a.requests || compare(a.value ?? '', b.value ?? ''),
  )

  function add(row: Readonly<Record<string, unknown>>): void {
    const before = totals.get(row['key'])
    const number = (name: 'requests' | 'allowed' | 'denied' | 'refused' | 'sentBytes' | 'receivedBytes') =>
      Number(row[name] ?? 0) + (before?.[name] ?? 0)
    totals.set(row['key'], {
      value: textOfKey(row['key']),
      ...{ requests: number('requests'), allowed: number('allowed'), denied: number('denied'), refused: number('refused') },
      ...{ sentBytes: number('sentBytes'), receivedBytes: number('receivedBytes') },
    })
  }

  function textOfKey(key: unknown): string | null {
    if (key === null) return null
    if (by === 'hour') return new Date(Number(key) * hourMs).toISOString().slice(0, 13)
    if (by === 'day') return new Date(Number(key) * dayMs).toISOString().slice(0, 10)
    return by === 'status' || by === 'path' ? String(key) : words.text(Number(key))
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
