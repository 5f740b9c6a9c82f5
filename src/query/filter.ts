/** What is asked of the log, and the same as a question to the index. */
import type { DatabaseSync } from 'node:sqlite'
import { canonicalHostPattern } from '../canonical/index.ts'
import type { Dictionary } from './dictionary.ts'
import type { DecisionName } from './entry.ts'
import { placesOfPattern } from './path-match.ts'
import { FilterError, requireWord } from './phrases.ts'
import { type Facet, idTerm, term } from './words.ts'

/** Each member that is given must hold; of several values of one, any. */
export interface Filter {
  /** Milliseconds since the epoch, inclusive. */
  readonly since?: number
  /** Exclusive. */
  readonly until?: number
  readonly integration?: readonly string[]
  readonly identity?: readonly string[]
  readonly decision?: readonly DecisionName[]
  readonly rule?: readonly string[]
  /** A host, `*.example.com` (every name below it) or `*`. */
  readonly host?: readonly string[]
  /** As in manifests: `*` stands for characters of one segment, `**` for any. */
  readonly path?: readonly string[]
  readonly method?: readonly string[]
  readonly kind?: readonly string[]
  /** `404` or `4xx`. */
  readonly status?: readonly string[]
  readonly problem?: readonly string[]
  /** Of records: `decided`, `refused`, `activated`, … */
  readonly type?: readonly string[]
  readonly id?: readonly string[]
  readonly parent?: readonly string[]
  /**
   * Words that stand behind one another in one text of a record; case, accents and punctuation do not matter. A last word that
   * ends with `*` is the beginning of a word.
   */
  readonly text?: readonly string[]
}

export interface Question {
  /** Of FTS5; `null` where every entry matches. */
  readonly match: string | null
  /** On the table `entry`, named `e`; empty where there are none. */
  readonly where: string
  readonly values: readonly (string | number)[]
  /** No entry outside of these indexes matches. */
  readonly from: number
  readonly to: number
}

/** Throws `FilterError`. */
export function questionOf(filter: Filter, database: DatabaseSync, words: Dictionary): Question {
  const matches: string[] = []
  const any = (terms: readonly string[] | undefined) => {
    if (terms !== undefined && terms.length > 0) matches.push(`(${terms.join(' OR ')})`)
  }
  for (const facet of ['integration', 'identity', 'decision', 'rule', 'method', 'kind', 'problem', 'type'] as const)
    any(filter[facet]?.map((value) => wordTerm(facet, value, words)))
  const hosts = filter.host?.map((given) => canonicalHostPattern(given) ?? given.toLowerCase())
  if (hosts?.includes('*') !== true) any(hosts?.map((host) => wordTerm('host', host, words)))
  any(filter.status?.map(statusTerm))
  any(filter.id?.map((id) => quoted(term('id', idTerm(id)))))
  any(filter.parent?.map((id) => quoted(term('parent', idTerm(id)))))
  for (const text of filter.text ?? []) matches.push(phrase(text))
  any(pathTerms(filter.path))

  const { where, values } = conditions(filter, hosts)
  return { match: matches.length === 0 ? null : matches.join(' AND '), where: where.join(' AND '), values, ...bounds(filter, database) }
}

function wordTerm(facet: Facet, value: string, words: Dictionary): string {
  return quoted(term(facet, words.find(value)))
}

function statusTerm(status: string): string {
  if (!/^[1-9](?:\d\d|xx)$/.test(status)) throw new FilterError(`"${status}" is not a status: it is like 404 or 4xx`)
  return quoted(term('status', status))
}

function phrase(text: string): string {
  requireWord(text)
  const isBeginning = /[\p{L}\p{N}]\*$/u.test(text)
  return `${quoted(text.replace(/[\ue000-\uf8ff]/g, ' '))}${isBeginning ? ' *' : ''}`
}

/** What all paths that match a pattern have narrows what the pattern itself is compared with. */
function pathTerms(patterns: readonly string[] | undefined): readonly string[] | undefined {
  const terms = patterns?.map((pattern) => [
    ...placesOfPattern(pattern).map((place) => quoted(term('path', place))),
    ...pattern
      .split('/')
      .filter((segment) => /^[^*]*[a-z0-9][^*]*$/i.test(segment))
      .map(quoted),
  ])
  // A pattern that has nothing of its own can be any path.
  if (terms === undefined || terms.some(({ length }) => length === 0)) return undefined
  return terms.map((all) => `(${all.join(' AND ')})`)
}

function conditions(filter: Filter, hosts: readonly string[] | undefined) {
  const where: string[] = []
  const values: (string | number)[] = []
  const add = (condition: string, ...given: (string | number)[]) => {
    where.push(condition)
    values.push(...given)
  }
  if (filter.since !== undefined) add('e.time >= ?', filter.since)
  if (filter.until !== undefined) add('e.time < ?', filter.until)
  const paths = filter.path ?? []
  if (paths.length > 0) add(`(${paths.map(() => 'path_matches(?, e.path)').join(' OR ')})`, ...paths)
  if (hosts?.includes('*') === true) add('e.host IS NOT NULL')
  return { where, values }
}

/** From the spans of time: what is outside of them need not be looked at. */
function bounds({ since, until }: Filter, database: DatabaseSync): { readonly from: number; readonly to: number } {
  const everything = { from: 0, to: Number.MAX_SAFE_INTEGER }
  if (since === undefined && until === undefined) return everything
  const row = database
    .prepare('SELECT min(first) AS lowest, max(last) AS highest FROM span WHERE latest >= ? AND earliest < ?')
    .get(since ?? Number.MIN_SAFE_INTEGER, until ?? Number.MAX_SAFE_INTEGER)
  if (typeof row?.['lowest'] !== 'number') return { from: 0, to: -1 }
  return { from: row['lowest'], to: row['highest'] as number }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
