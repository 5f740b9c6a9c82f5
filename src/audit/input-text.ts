/** The input that a decision was made on as its record has it: within a bound of its own, so that the rest of the record keeps its room. */
import type { Json, JsonObject } from '../core/index.ts'
import { hasMembers, stringify } from '../text/index.ts'

/** A record has 32 KiB. */
const maxBytes = 16 * 1024
/** Texts and names of more characters are cut, and lists of more elements: the first of these lengths with which it fits. */
const lengths = [4096, 1024, 256, 64, 16]

/** `input`: masked. JSON text of an object. */
export function inputText(input: Json): string {
  for (const length of lengths) {
    const text = stringify(cut(input, length))
    // A character has at most three bytes: nothing is counted for nearly all of them.
    if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text
  }
  return '{"cut":true}'
}

function cut(value: Json, length: number): Json {
  if (typeof value === 'string') return cutText(value, length)
  if (Array.isArray(value)) return value.slice(0, length).map((item) => cut(item, length))
  if (!hasMembers(value)) return value
  // A member that is called `__proto__` is one as well.
  return Object.fromEntries(Object.entries(value as JsonObject).map(([name, item]) => [cutText(name, length), cut(item, length)]))
}

function cutText(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…[cut]` : text
}
