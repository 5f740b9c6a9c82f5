/** What of a record is kept from those who may not see personal members, in answers and by what they may ask. */
import type { Json, JsonObject } from '../../core/index.ts'

const masked = '[personal]'
/** Shorter texts stand in others by chance. */
const minKnownCharacters = 4

/**
 * Masks the named members at any depth, and the texts that stood in them wherever else they stand in the record: a detail names the
 * path that a subject has.
 */
export function createMask(personal: readonly string[]): <Value extends Json>(value: Value) => Value {
  // Words of a read's own record that were searched for may be personal, and an input says everything again in other forms: a path as segments.
  const names = new Set(personal.length === 0 ? [] : [...personal, 'text', 'input'])
  return (value) => {
    const known = new Set<string>()
    const without = withoutMembers(value, names, known)
    // The longest first: a path is a part of a URL.
    const texts = [...known].sort((a, b) => b.length - a.length)
    return (texts.length === 0 ? without : withoutTexts(without, texts)) as typeof value
  }
}

function withoutMembers(value: Json, names: ReadonlySet<string>, known: Set<string>): Json {
  return mapMembers(value, (member, key) => {
    if (key === null || !names.has(key) || member === null) return withoutMembers(member, names, known)
    addTexts(member, known)
    return masked
  })
}

function withoutTexts(value: Json, texts: readonly string[]): Json {
  if (typeof value === 'string') return texts.reduce((left, text) => left.replaceAll(text, masked), value)
  return mapMembers(value, (member) => withoutTexts(member, texts))
}

function addTexts(value: Json, known: Set<string>): void {
  if (typeof value === 'string' && value.length >= minKnownCharacters) known.add(value)
  else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) addTexts(member as Json, known)
}

/** `key`: `null` in a list. `Object.fromEntries` makes a member of `__proto__` as well. */
function mapMembers(value: Json, map: (member: Json, key: string | null) => Json): Json {
  if (Array.isArray(value)) return value.map((member) => map(member, null))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, member]) => [key, map(member, key)]))
}
