/** JSON with sorted keys and without spaces, byte for byte as Go writes it, so that hashes agree with OPA's. */
import type { Json } from '../../core/index.ts'
import { hasMembers } from '../../text/index.ts'

/** Numbers are written as they were read: Go keeps `1.0` and `1e3` as they stand. */
export function writeCanonical(value: Json): string {
  if (typeof value === 'string') return quoted(value)
  if (!hasMembers(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(writeCanonical).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${entries.map(([key, item]) => `${quoted(key)}:${writeCanonical(item)}`).join(',')}}`
}

/** Go escapes the line separators that JavaScript's source once could not hold. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
