/** What an entry is found by: the words of its records, and a term for each value that a filter can name. */
import { hash } from 'node:crypto'
import type { Entry, LogRecord } from './entry.ts'
import { placesOf } from './path-match.ts'

/** Members that are no text to search in: numbers, times and hashes, and ids, which have a filter of their own. */
const notText = new Set(['seq', 'time', 'type', 'id', 'parent', 'prev'])

/** A record can have 64 KiB; what is behind this much text is found by filters only. */
const maxCharacters = 16_384

/**
 * A word ends at a character that is no letter, no digit and not for private use. Terms begin with one for private use,
 * which texts from outside lose: no caller can write a term.
 */
const mark = '\ue000'
/** Between two texts, so that a phrase is not found across them. */
const apart = ' \ue001 '
const privateUse = /[\ue000-\uf8ff]/

/** What a term is about. */
const letters = {
  type: 't',
  integration: 'i',
  identity: 'u',
  decision: 'd',
  rule: 'r',
  kind: 'k',
  method: 'm',
  host: 'h',
  status: 's',
  problem: 'p',
  id: 'n',
  parent: 'q',
  path: 'g',
} as const
export type Facet = keyof typeof letters

/** The texts of a record, each apart from the others. */
export function textsOf(record: LogRecord): string {
  let text = ''
  for (const key in record) if (!notText.has(key)) text += textsIn(record[key])
  return text.length > maxCharacters ? text.slice(0, maxCharacters) : text
}

function textsIn(value: unknown): string {
  if (typeof value === 'string') return apart + (privateUse.test(value) ? value.replace(/[\ue000-\uf8ff]/g, ' ') : value)
  if (typeof value !== 'object' || value === null) return ''
  let text = ''
  for (const key in value) text += textsIn((value as LogRecord)[key])
  return text
}

/** `value`: number of a word in the dictionary, or an id as `idTerm` spells it. */
export function term(facet: Facet, value: string | number): string {
  return `${mark}${letters[facet]}${value}`
}

/** Ids differ in the case of letters, and words do not. */
export function idTerm(id: string): string {
  return id.length > 100 ? hash('sha256', id) : Buffer.from(id).toString('hex')
}

/** `numberOf`: the number of a word in the dictionary. */
export function termsOf(entry: Entry, numberOf: (word: string) => number): string {
  const { id, parent, host, path, status } = entry
  let terms = term('type', numberOf(entry.type))
  for (const facet of ['integration', 'identity', 'decision', 'rule', 'kind', 'method', 'problem'] as const) {
    const word = entry[facet]
    if (word !== null) terms += ` ${term(facet, numberOf(word))}`
  }
  if (host !== null) for (const pattern of patternsOfHost(host)) terms += ` ${term('host', numberOf(pattern))}`
  if (path !== null) for (const place of placesOf(path)) terms += ` ${term('path', place)}`
  if (status !== null) terms += ` ${term('status', status)} ${term('status', statusClass(status))}`
  if (id !== null) terms += ` ${term('id', idTerm(id))}`
  if (parent !== null) terms += ` ${term('parent', idTerm(parent))}`
  return terms
}

/** `4xx` */
export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`
}

/** A host, and each `*.example.com` that covers it; a name has no more labels than this in practice. */
export function patternsOfHost(host: string): readonly string[] {
  if (/^[\d.]+$|:/.test(host)) return [host]
  const labels = host.split('.')
  const patterns = labels.slice(1, 10).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)
  return [host, ...patterns]
}
