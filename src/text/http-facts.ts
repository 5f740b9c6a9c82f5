/** What the policy sees of a path, a query and headers. */
import type { HeaderList, JsonObject } from '../core/index.ts'
/** Every value of every key, in order, as `application/x-www-form-urlencoded` reads them. */
export function queryOf(query: string): JsonObject {
  const found = emptyObject<string[]>()
  if (query === '') return found
  for (const [key, value] of new URLSearchParams(query)) append(found, key, value)
  return found
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
