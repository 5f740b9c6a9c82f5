/** One spelling for each path, and the forms that need a capability's choice: a path that two parsers could read differently is refused, so the judged path is the forwarded path. */
import { type FormChoices, Refusal } from '../core/index.ts'

export interface CanonicalTarget {
  readonly path: string
  /** Without the `?`. */
  readonly query: string
}

// Segments of plain characters, none of them `.` or `..`, none empty but the last: the path is canonical as it stands.
const plainPath = /^(?:\/(?!\.{1,2}(?:\/|$))[\w~.!$&'()*+,=:@-]+)*\/?$/
const printable = /^[\x21\x22\x24-\x7e]*$/
const unreserved = /[\w~.-]/
// UTF-8 in more bytes than it needs: no UTF-8 (RFC 3629 §3), and to decoders that take it a hidden dot or slash.
const overlong = /%C[01]%[89AB]|%E0%[89]|%F0%8/

/**
 * Splits and canonicalises an origin-form target (RFC 9112 §3.2.1, RFC 3986 §6.2.2): percent-encoded unreserved
 * characters are decoded, hex digits upper-cased, and segments `.` left out, as flat apt repositories write them; nothing
 * else changes. An encoded slash stays `%2F`, a character of its segment, and an empty segment stays empty; both pass only
 * where one of the caller's `capabilities` of this kind takes them literally, and the policy decides whether it is the right one.
 * Throws `Refusal('malformed-request')` for `..` segments, encoded dots alone in a segment or between encoded slashes,
 * backslashes and NULs, parameters on dot segments, overlong UTF-8, fragments, controls, and bad percent-encodings
 * (CVE-2021-32779, CVE-2026-33494).
 */
export function canonicalPath(raw: string, capabilities: readonly FormChoices[]): CanonicalTarget {
  const mark = raw.indexOf('?')
  const path = mark < 0 ? raw : raw.slice(0, mark)
  const query = mark < 0 ? '' : raw.slice(mark + 1)
  if (query !== '' && !printable.test(query)) throw refuse('the query has a character that must be percent-encoded')
  if (plainPath.test(path) && path !== '') return { path, query }
  const canonical = canonicalise(path)
  requireChosen(canonical, capabilities)
  return { path: canonical, query }
}

/** A policy never sees these forms unless the integration's manifest has chosen them. */
function requireChosen(path: string, capabilities: readonly FormChoices[]): void {
  const { encodedSlash, emptySegments } = pathForms(path)
  if (encodedSlash && !capabilities.some((capability) => capability.encodedSlash === 'literal'))
    throw refuse('the path has an encoded slash (%2F), which can be read in two ways: it needs a capability with encodedSlash: literal')
  if (emptySegments && !capabilities.some((capability) => capability.emptySegments === 'literal'))
    throw refuse('the path has an empty segment (//), which can be read in two ways: it needs a capability with emptySegments: literal')
}

function canonicalise(path: string): string {
  if (!path.startsWith('/')) throw refuse('the path does not begin with "/"')
  if (!printable.test(path)) throw refuse('the path has a character that must be percent-encoded, or a fragment')
  if (path.includes('\\')) throw refuse('the path has a backslash')
  const decoded = path.replace(/%(.{0,2})/g, (whole, hex: string) => {
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw refuse(`"${whole}" is not a percent-encoding`)
    const code = Number.parseInt(hex, 16)
    if (code < 0x20 || code === 0x7f || code === 0x5c)
      throw refuse(`the path has an encoded ${code === 0x5c ? 'backslash' : 'control character'}`)
    const character = String.fromCharCode(code)
    return unreserved.test(character) && code < 0x80 ? character : whole.toUpperCase()
  })
  if (overlong.test(decoded)) throw refuse('the path has an overlong UTF-8 sequence')
  const plain = withoutDotSegments(path, decoded)
  // A server that decodes `%2F` must find no dot segment behind it either.
  for (const piece of plain.split(/\/|%2F/)) {
    const bare = piece.split(/;|%3B/)[0]
    if (bare === '.' || bare === '..') throw refuse('the path has a dot segment')
  }
  return plain
}

/**
 * Every reader drops a segment `.` (RFC 3986 §5.2.4): without it the path has one reading. Only where it is not encoded: an
 * ordinary client does not encode a dot, and one that does hopes for another reading.
 */
function withoutDotSegments(raw: string, decoded: string): string {
  if (!raw.includes('/./') && !raw.endsWith('/.')) return decoded
  // Decoding moves no slash, so both have the same segments.
  const asSent = raw.split('/')
  const kept = decoded.split('/').filter((_, index) => asSent[index] !== '.')
  if (asSent.at(-1) === '.') kept.push('')
  return kept.join('/')
}

/** Of a canonical path: `/v1/items/` → `["v1", "items", ""]`, `*` → `["*"]`. A trailing slash stays visible, and `%2F` is a character of its segment. */
export function segmentsOf(path: string): readonly string[] {
  if (path === '/') return []
  return path === '*' ? ['*'] : path.slice(1).split('/')
}

function refuse(why: string): Refusal {
  return new Refusal('malformed-request', why)
}

/** What a canonical path holds of them; members that are not so are absent. */
export interface PathForms {
  /** `%2F`: a character of its segment to some origins, a slash to others (RFC 3986 §2.2). */
  readonly encodedSlash?: true
  /** `//`: a segment without a character to some origins, one slash to others (RFC 3986 §3.3). */
  readonly emptySegments?: true
}

const none: PathForms = {}

/** `path` is canonical, so an encoded slash is always `%2F`. */
export function pathForms(path: string): PathForms {
  const encodedSlash = path.includes('%2F')
  const emptySegments = path.includes('//')
  if (!encodedSlash && !emptySegments) return none
  return { ...(encodedSlash && { encodedSlash }), ...(emptySegments && { emptySegments }) }
}

/** What a capability must say for this path, or for one of these patterns. */
export function choicesFor(paths: readonly string[]): FormChoices {
  return {
    ...(paths.some((path) => path.includes('%2F')) && { encodedSlash: 'literal' }),
    ...(paths.some((path) => path.includes('//')) && { emptySegments: 'literal' }),
  }
}
