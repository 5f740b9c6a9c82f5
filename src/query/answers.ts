/** Questions to an index that is open: pages of entries, sums, and what belongs to one id. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { LRUCache } from 'lru-cache'
import { createDictionary } from './dictionary.ts'
import type { Entry } from './entry.ts'
import { entryOfRow } from './entry-table.ts'
import { type Filter, type Question, questionOf } from './filter.ts'
import { pathMatcher } from './path-match.ts'
import { type By, type Sum, sumsOf } from './sums.ts'

export interface PageOptions {
  /** At most so many entries; default 50. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: number
  /** Default: newest first. */
  readonly oldestFirst?: boolean
}

export interface Page {
  readonly entries: readonly Entry[]
  /** Cursor of the page behind this one; `null` where this is the last. It stays valid while the log grows. */
  readonly next: number | null
}

export interface Answers {
  /** Throws `FilterError`. */
  page(filter: Filter, options?: PageOptions): Page
  /** Throws `FilterError`. */
  sums(filter: Filter, by: By): readonly Sum[]
}

export function createAnswers(database: DatabaseSync): Answers {
  const words = createDictionary(database)
  const matchers = new LRUCache<string, (path: string) => boolean>({ max: 100, memoMethod: pathMatcher })
  database.function('path_matches', { deterministic: true }, (pattern, path) =>
    Number(typeof path === 'string' && matchers.memo(String(pattern))(path)),
  )
  return {
    page(filter, { limit = 50, cursor, oldestFirst = false } = {}) {
      const question = questionOf(filter, database, words)
      const from = oldestFirst && cursor !== undefined ? Math.max(question.from, cursor + 1) : question.from
      const to = !oldestFirst && cursor !== undefined ? Math.min(question.to, cursor - 1) : question.to
      // One more than is shown says whether there is a next page.
      const rows = rowsOf({ ...question, from, to }, limit + 1, oldestFirst).map((row) => entryOfRow(row, words))
      const entries = rows.slice(0, limit)
      return { entries, next: rows.length > limit ? (entries.at(-1)?.index ?? null) : null }
    },
    sums: (filter, by) => sumsOf(filter, by, database, words),
  }

  function rowsOf({ match, where, values, from, to }: Question, limit: number, oldestFirst: boolean): Record<string, unknown>[] {
    const order = oldestFirst ? 'ASC' : 'DESC'
    const also = where === '' ? '' : ` AND ${where}`
    const select = (sql: string, ...given: SQLInputValue[]) => database.prepare(sql).all(...given)
    if (match === null)
      return select(`SELECT * FROM entry e WHERE seq BETWEEN ? AND ?${also} ORDER BY seq ${order} LIMIT ?`, from, to, ...values, limit)
    const found = ['found', 'open'].flatMap((table) =>
      select(
        `SELECT e.* FROM ${table} f CROSS JOIN entry e ON e.seq = f.rowid
          WHERE ${table} MATCH ? AND f.rowid BETWEEN ? AND ?${also} ORDER BY f.rowid ${order} LIMIT ?`,
        ...[match, from, to, ...values, limit],
      ),
    )
    return found.sort((a, b) => (Number(a['seq']) - Number(b['seq'])) * (oldestFirst ? 1 : -1)).slice(0, limit)
  }
}
