/** Messages of the validation library in the words of the person who writes the file, with the known word that a mistyped one is close to. */
import type { z } from 'zod'

/** A value is not repeated, since it may be a secret, unless it is close to a known word. */
export function plainWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input)
    case 'invalid_value':
      return `expected ${oneOf(issue.values)}${typeof issue.input === 'string' ? suggest(issue.input, issue.values.filter(isText)) : ''}`
    case 'too_small':
      return bound(issue.origin, 'at least', Number(issue.minimum), issue.inclusive !== false)
    case 'too_big':
      return bound(issue.origin, 'at most', Number(issue.maximum), issue.inclusive !== false)
    case 'invalid_union':
      return 'is in none of the forms that are known here'
    default:
      return 'is not in the form that is expected here'
  }
}

const things: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

function wrongType(expected: string, input: unknown): string {
  const thing = things[expected] ?? expected
  if (input === undefined) return `is missing; expected ${thing}`
  if (input === null) return `is empty; expected ${thing}, or no such key at all`
  return `expected ${thing}, not ${kindOf(input)}${advice(expected, input)}`
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object') return 'keys with values'
  if (typeof input === 'string') return 'text'
  if (typeof input === 'boolean') return 'true or false'
  return Number.isInteger(input) ? 'a number' : 'a fraction'
}

function advice(expected: string, input: unknown): string {
  if (expected === 'array') return typeof input === 'object' ? ': each item begins with "- "' : ': put it in brackets, [ … ]'
  if ((expected === 'number' || expected === 'int') && typeof input === 'string' && /^\d+$/.test(input)) return ': write it without quotes'
  if (expected === 'string' && typeof input !== 'object') return ': put it in quotes'
  if (expected === 'boolean' && typeof input === 'string') return ': "yes", "no", "on", "off" and what is in quotes are words'
  return ''
}

function oneOf(values: readonly unknown[]): string {
  const quoted = values.map((value) => (isText(value) ? `"${value}"` : String(value)))
  const last = quoted.at(-1) ?? ''
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function bound(origin: string, side: 'at least' | 'at most', limit: number, inclusive: boolean): string {
  const [singular, many] =
    origin === 'string' ? ['character', 'characters'] : origin === 'array' || origin === 'set' ? ['item', 'items'] : ['', '']
  if (singular !== '') return `expected ${side} ${limit} ${limit === 1 ? singular : many}`
  if (inclusive) return `expected ${side} ${limit}`
  return side === 'at least' ? `expected more than ${limit}` : `expected less than ${limit}`
}

/** `; did you mean "…"?`, or nothing where no known word is near. */
export function suggest(word: string, known: readonly string[]): string {
  const guess = nearest(word, known)
  return guess === null ? '' : `; did you mean "${guess}"?`
}

/** `null` where nothing is near: more than a third of the letters differ. */
function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null
  let bound = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bound)
    if (distance < bound) {
      best = candidate
      bound = distance
    }
  }
  return best
}

/** Optimal string alignment (two neighbours swapped are one slip), or `bound` where it is at least that. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let before: readonly number[] = []
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : bound
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1), swapped)
    }
    before = row
    row = next
  }
  return row[b.length] ?? bound
}
