/** Sums over requests: how many there were, how they were decided, and their bytes, by one of their values. */
import type { DatabaseSync } from 'node:sqlite'
import type { Dictionary } from './dictionary.ts'
import { type Filter, type Question, questionOf } from './filter.ts'
import { aggregates, dayMs, facetNumber, hourMs, isCounted, keyOf, none } from './tally.ts'

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

const counts = ['requests', 'allowed', 'denied', 'refused', 'sentBytes', 'receivedBytes'] as const

/** A SELECT of `key` and the counts. */
interface Part {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** Largest first; of hours and days the newest first. Throws `FilterError`. */
export function sumsOf(filter: Filter, by: By, database: DatabaseSync, words: Dictionary): readonly Sum[] {
  const totals = new Map<unknown, Sum>()
  for (const { sql, values } of partsOf(filter, by, database, words)) for (const row of database.prepare(sql).iterate(...values)) add(row)
  const isTime = by === 'hour' || by === 'day'
  return [...totals.values()].sort((a, b) =>
    isTime ? compare(b.value ?? '', a.value ?? '') : b.requests - a.requests || compare(a.value ?? '', b.value ?? ''),
  )

  function add(row: Readonly<Record<string, unknown>>): void {
    const before = totals.get(row['key'])
    const added = counts.map((name) => [name, Number(row[name] ?? 0) + (before?.[name] ?? 0)])
    totals.set(row['key'], { value: textOfKey(row['key']), ...(Object.fromEntries(added) as Omit<Sum, 'value'>) })
  }

  function textOfKey(key: unknown): string | null {
    if (key === null) return null
    if (by === 'hour') return new Date(Number(key) * hourMs).toISOString().slice(0, 13)
    if (by === 'day') return new Date(Number(key) * dayMs).toISOString().slice(0, 10)
    return by === 'status' || by === 'path' ? String(key) : words.text(Number(key))
  }
}

/** What is asked of time alone is in the tally; what its first and last day have of it is counted. */
function partsOf(filter: Filter, by: By, database: DatabaseSync, words: Dictionary): readonly Part[] {
  const { since, until, ...others } = filter
  const facet = facetNumber(by === 'day' ? 'hour' : by)
  const from = since === undefined ? undefined : Math.ceil(since / dayMs)
  const to = until === undefined ? undefined : Math.floor(until / dayMs)
  const scan = (given: Filter, tables?: readonly string[]) => scans(questionOf(given, database, words), by, words, tables)
  if (Object.values(others).some((given) => given !== undefined) || facet < 0 || (from ?? none) >= (to ?? Number.MAX_SAFE_INTEGER))
    return scan(filter)
  // What has no time is in no time that is asked for.
  const lowest = from ?? (until === undefined ? none : none + 1)
  const key = by === 'day' ? 'day' : 'value'
  const tally = {
    sql: `SELECT nullif(${key}, ${none}) AS key, ${counts.map((name) => `total(${name}) AS ${name}`).join(', ')} FROM tally
      WHERE facet = ? AND day >= ? AND day < ? GROUP BY key`,
    values: [facet, lowest, to ?? Number.MAX_SAFE_INTEGER],
  }
  const whole = { ...(from !== undefined && { since: from * dayMs }), ...(to !== undefined && { until: to * dayMs }) }
  return [
    tally,
    ...scan(whole, ['open']),
    ...(from === undefined || since === from * dayMs ? [] : scan({ since: since as number, until: from * dayMs })),
    ...(to === undefined || until === to * dayMs ? [] : scan({ since: to * dayMs, until: until as number })),
  ]
}

/** Of the entries themselves: all, or those of `tables`. */
function scans({ match, where, values, from, to }: Question, by: By, words: Dictionary, tables?: readonly string[]): readonly Part[] {
  const sources = tables ?? (match === null ? [null] : ['found', 'open'])
  return sources.map((table) => ({
    sql: `SELECT ${keyOf(by)} AS key, ${aggregates(words)} FROM ${table === null ? 'entry e' : `${table} f CROSS JOIN entry e ON e.seq = f.rowid`}
      WHERE e.seq BETWEEN ? AND ? AND ${isCounted(by)}${match === null ? '' : ` AND ${table} MATCH ?`}${where === '' ? '' : ` AND ${where}`} GROUP BY key`,
    values: [from, to, ...(match === null ? [] : [match]), ...values],
  }))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
