/** Messages of the validation library in the words of the person who writes the file. */
import type { z } from 'zod'
import { suggest } from './did-you-mean.ts'

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
