/** What the policy sees of a body: a value only if every origin reads the same value. */
import { type HeaderList, type Json, type JsonObject, Refusal, type RequestBody } from '../../core/index.ts'
import { headersOf, NumberOutOfRange, parseJudgedJson, queryOf, scanJson } from '../../text/index.ts'

/**
 * Without `value` if the bytes are compressed (`encoding`), in another character set than UTF-8 (`charset`), or of a type that
 * is not parsed here.
 * Throws `Refusal('malformed-request')` on a body of two types, or that calls itself JSON and is not, has a key twice, or a
 * number beyond all doubles: an origin may be more lenient, and read in it what the policy cannot see.
 */
export function bodyOf(body: RequestBody, headers: HeaderList): JsonObject {
  if (body.whole === null) return body.declaredBytes === null ? { type: 'unread' } : { type: 'unread', bytes: body.declaredBytes }
  const bytes = body.whole.byteLength
  const given = headersOf(headers)
  const encoding = codingsOf(given['content-encoding'] ?? [])
  const { mediaType, charset } = contentTypeOf(given['content-type'] ?? [])
  if (encoding !== '' || !readableCharsets.has(charset))
    return { type: 'binary', bytes, ...(encoding !== '' && { encoding }), ...(!readableCharsets.has(charset) && { charset }) }
  const { type, ...rest } = read(mediaType, body.whole)
  return { type, bytes, ...rest }
}

interface Reading {
  readonly type: 'json' | 'form' | 'text' | 'binary'
  readonly value?: Json
  readonly charset?: string
}

const binary: Reading = { type: 'binary' }

/** Types that servers parse as JSON, besides `…+json` (WHATWG MIME Sniffing §4.6, Rails' aliases). */
const jsonTypes: ReadonlySet<string> = new Set([
  'application/json',
  'text/json',
  'application/x-json',
  'text/x-json',
  'application/jsonrequest',
])

function read(mediaType: string, bytes: Buffer): Reading {
  if (jsonTypes.has(mediaType) || mediaType.endsWith('+json')) return readJson(bytes)
  const isForm = mediaType === 'application/x-www-form-urlencoded'
  if (!isForm && !mediaType.startsWith('text/')) return binary
  const text = decode(bytes)
  // UTF-16 without a charset: its first bytes are invalid as UTF-8, or every other character is a NUL.
  if (text === null || text.includes('\0')) return binary
  if (isForm) return { type: 'form', value: queryOf(text) }
  const charset = xmlCharsetOf(text)
  return readableCharsets.has(charset) ? { type: 'text', value: text } : { type: 'binary', charset }
}

/**
 * A rule that denies by a value does not see it in a body that is not JSON, but an origin that reads the first of several values
 * does (Go's json.Decoder). So a body with a JSON type must be one JSON value, or it is not forwarded.
 */
function readJson(bytes: Buffer): Reading {
  const text = decode(bytes)
  const value = text === null ? undefined : parseStrictly(text)
  if (value !== undefined) return { type: 'json', value }
  throw unclear(
    'calls itself JSON, and is not one JSON value, or has a key twice (letters’ case aside); lines of JSON are application/x-ndjson, and compressed JSON has a Content-Encoding',
  )
}

function unclear(what: string): Refusal {
  return new Refusal('malformed-request', `the body ${what}: it cannot be judged`)
}

/** Content codings other than `identity`, in the order in which they were applied (RFC 9110 §8.4); may be empty. */
function codingsOf(values: readonly string[]): string {
  const codings = values.join(',').split(',')
  return codings
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
    .join(', ')
}

/** UTF-8, character sets that are part of it, and none. */
const readableCharsets: ReadonlySet<string> = new Set(['', 'utf-8', 'utf8', 'us-ascii', 'ascii'])

/** Throws if two types or character sets are claimed: an origin may use the other one. */
function contentTypeOf(values: readonly string[]): { readonly mediaType: string; readonly charset: string } {
  const [claimed = '', ...more] = values
  const [essence = '', ...parameters] = claimed.split(';')
  if (more.length > 0 || essence.includes(',')) throw unclear('has two types')
  const mediaType = essence.trim().toLowerCase()
  // Parsers that look at the beginning take `application/json x` for JSON.
  if (mediaType !== '' && !/^[\w!#$%&'*+.^`|~-]+(?:\/[\w!#$%&'*+.^`|~-]+)?$/.test(mediaType)) throw unclear('has an invalid Content-Type')
  const charsets = new Set(parameters.flatMap(charsetIn))
  if (charsets.size > 1) throw unclear('has two character sets')
  const [charset = ''] = charsets
  return { mediaType, charset }
}

/** Without a regular expression: one that skips blanks on both sides takes quadratic time. */
function charsetIn(parameter: string): readonly string[] {
  const equals = parameter.indexOf('=')
  if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== 'charset') return []
  const value = parameter.slice(equals + 1).trim()
  const end = value.length > 1 && value.endsWith('"') ? -1 : undefined
  const name = value.startsWith('"') ? value.slice(1, end) : value
  if (name.includes('"')) throw unclear('has an invalid character set')
  return [name.toLowerCase()]
}

/** The encoding of an XML declaration (XML 1.0 §4.3.3); empty if there is none. */
function xmlCharsetOf(text: string): string {
  return /^\ufeff?<\?xml\s[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(text.slice(0, 1000))?.[1]?.toLowerCase() ?? ''
}

/** `null` if it is not UTF-8. */
function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** `undefined` if it is not one JSON value. Keys that differ only in case are refused, since an origin's parser may keep the other one. */
function parseStrictly(text: string): Json | undefined {
  try {
    const value = parseJudgedJson(text.startsWith('\ufeff') ? text.slice(1) : text)
    return hasDuplicateKeys(text) ? undefined : value
  } catch (error) {
    if (error instanceof NumberOutOfRange) throw unclear(error.message)
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
