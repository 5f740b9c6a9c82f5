/** JSON with sorted keys and without spaces, byte for byte as Go writes it, so that hashes agree with OPA's. */
import { type Json, parseJson } from '../../core/index.ts'

/** Numbers whose spelling a double may forget; may match inside strings, which costs time only. */
const oddNumber = /\d[eE]|\.\d*0(?!\d)|-0(?![.\d])|\d{16}/

/** `text` is the JSON that gave `value`, or `null` where it came from YAML and its numbers have one spelling. */
export function writeCanonical(value: Json, text: string | null): string {
  if (text === null || !oddNumber.test(text)) return written(value)
  return written(parseJson(text, keepSpelling))
}

const spellings = Symbol('spelling')

/** Go keeps `1.0` and `1e3` as they stand. The third argument is ECMAScript's "JSON.parse source text access". */
function keepSpelling(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
    ? { [spellings]: context.source }
    : value
}

function written(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`
  const spelling = (value as { readonly [spellings]?: string })[spellings]
  if (spelling !== undefined) return spelling
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${entries.map(([key, item]) => `${quoted(key)}:${written(item)}`).join(',')}}`
}

/** Go escapes the line separators that JavaScript's source once could not hold. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
