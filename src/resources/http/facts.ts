/** What the policy sees of an HTTP request: `input.http`. Only what it can look at is computed. */
import {
  type HeaderList,
  type HttpRequest,
  type Json,
  type JsonObject,
  type Needs,
  parseJson,
  pathForms,
  Refusal,
  type RequestBody,
  scanJson,
} from '../../core/index.ts'

export function httpFacts({ target, headers, body }: HttpRequest, needs: Needs): JsonObject {
  const { scheme, host, port, method, path } = target
  if (!needs.headers && !needs.body) return { scheme, host, port, method, path, ...pathForms(path) }
  return {
    scheme,
    host,
    port,
    method,
    path,
    ...pathForms(path),
    ...(needs.headers && { segments: segmentsOf(path), query: queryOf(target.query), headers: headersOf(headers) }),
    ...(needs.body && body !== null && { body: bodyOf(body, headers) }),
  }
}

/** `/v1/items/` → `["v1", "items", ""]`: a trailing slash stays visible, and `%2F` is a character of its segment. */
export function segmentsOf(path: string): readonly string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

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

/**
 * Throws `Refusal('malformed-request')` on a body of two types, or that calls itself JSON and is not, or has a key twice: an
 * origin may be more lenient, and read in it what the policy cannot see.
 */
export function bodyOf(body: RequestBody, headers: HeaderList): JsonObject {
  const bytes = body.whole?.byteLength ?? 0
  if (body.whole === null) return { type: 'unread', bytes }
  const mediaType = mediaTypeOf(headers)
  if (mediaType === null) throw unclear('has two types')
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) {
    const value = parseBody(body.whole)
    if (value === undefined) throw unclear('calls itself JSON, and is not, or has a key twice (letters’ case aside)')
    return { type: 'json', bytes, value }
  }
  if (mediaType === 'application/x-www-form-urlencoded') return { type: 'form', bytes, value: queryOf(body.whole.toString('utf8')) }
  if (mediaType.startsWith('text/')) return { type: 'text', bytes, value: body.whole.toString('utf8') }
  return { type: 'binary', bytes }
}

function unclear(what: string): Refusal {
  return new Refusal('malformed-request', `the body ${what}: it cannot be judged`)
}

/** `null` where two are claimed: an origin may believe the other one. */
function mediaTypeOf(headers: HeaderList): string | null {
  const [claimed = '', ...more] = headersOf(headers)['content-type'] ?? []
  return more.length > 0 ? null : (claimed.split(';', 1)[0]?.trim().toLowerCase() ?? '')
}

/** Strict UTF-8; keys that are the same but for case are refused, since an origin's parser may keep the other one. */
function parseBody(bytes: Buffer): Json | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value = parseJson(text)
    return hasDuplicateKeys(text) ? undefined : value
  } catch {
    return undefined
  }
}

/** `text` is valid JSON. Keys are compared after unescaping, and as a parser that ignores case does. */
function hasDuplicateKeys(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let found = false
  scanJson(text, {
    open: (kind) => void open.push(kind === 'object' ? new Set() : null),
    close: () => void open.pop(),
    key(start, end) {
      const keys = open.at(-1)
      const key = (JSON.parse(text.slice(start, end)) as string).toUpperCase().toLowerCase()
      found ||= keys?.has(key) === true
      keys?.add(key)
    },
  })
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
