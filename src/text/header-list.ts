/** Header lists as Node gives them, `[name, value, …]` (RFC 9110 §5): what passes them on, and the facts that a policy sees of them. */
import type { HeaderList } from '../core/index.ts'

/** The names in a Connection value (RFC 9110 §7.6.1), lower case. */
export function connectionNames(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
}

/** The list without the headers of these lower-case names, order and duplicates kept. */
export function withoutHeaders(headers: readonly string[], lowerNames: readonly string[]): string[] {
  const dropped = new Set(lowerNames)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (!dropped.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string)
  }
  return kept
}

/**
 * Every value of every key, in order, as `application/x-www-form-urlencoded` reads them (WHATWG URL §5.1). Cut by hand: Node's
 * URLSearchParams looks for the next `=` in all that follows, for each key that has none, and leaves out a `?` at the beginning.
 */
export function queryOf(query: string): Record<string, string[]> {
  const found = emptyObject<string[]>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    append(found, decoded(equals < 0 ? pair : pair.slice(0, equals)), equals < 0 ? '' : decoded(pair.slice(equals + 1)))
  }
  return found
}

function decoded(text: string): string {
  return text.includes('%') || text.includes('+') ? (new URLSearchParams(`=${text}`).get('') ?? '') : text
}

/** Lower-case name → every value, in order: a policy that looks at one of two duplicates was fooled elsewhere (CVE-2020-25017). */
export function headersOf(headers: HeaderList): Record<string, string[]> {
  const found = emptyObject<string[]>()
  for (let i = 0; i < headers.length; i += 2) append(found, (headers[i] as string).toLowerCase(), headers[i + 1] as string)
  return found
}

/** No prototype: a key called `__proto__` is a key. */
function emptyObject<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>
}

function append(into: Record<string, string[]>, key: string, value: string): void {
  const list = into[key]
  if (list === undefined) into[key] = [value]
  else list.push(value)
}
