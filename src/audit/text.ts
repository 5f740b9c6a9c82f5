/** Texts from outside as JSON, each within a bound: a record stays below 32 KiB whatever a caller, an origin or an author sends. */
import type { Asked, Json, JsonObject } from '../core/index.ts'

/** Masks in texts from outside. */
export interface Mask {
  text(text: string): string
  query(query: string): string
}

/** Longer texts are cut, … */
const maxTextCharacters = 4096
/** … and so is what takes more bytes: a control character takes six. */
const maxTextBytes = 6 * 1024
/** Nothing longer is masked: that reads each character several times. */
const maxMaskedCharacters = 64 * 1024
const maxReasons = 32
const maxReasonCharacters = 500
const maxReasonsBytes = 8 * 1024
/** Of names, types and the like. */
export const shortBytes = 512

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const plain = /^[^"\\\x00-\x1f\ud800-\udfff\u2028\u2029]*$/
const cutMark = '…[cut]'

/** A JSON string of at most `maxBytes` and some; most texts need no escaping. What is not Unicode is replaced. */
export function quote(text: string, maxBytes = maxTextBytes): string {
  const kept = text.length > maxTextCharacters ? `${text.slice(0, maxTextCharacters)}${cutMark}` : text
  const quoted = plain.test(kept) ? `"${kept}"` : escaped(kept)
  if (quoted.length * 3 <= maxBytes || Buffer.byteLength(quoted) <= maxBytes) return quoted
  return escaped(`${kept.slice(0, Math.floor(maxBytes / 6))}${cutMark}`)
}

/** Some readers take U+2028 and U+2029 for line ends, and JSON leaves them as they are (RFC 8259 §7): no text from outside may begin a line. */
function escaped(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

export function maskText(mask: Mask, text: string): string {
  return mask.text(text.length > maxMaskedCharacters ? text.slice(0, maxMaskedCharacters) : text)
}

function maskQuery(mask: Mask, query: string): string {
  return mask.query(query.length > maxMaskedCharacters ? query.slice(0, maxMaskedCharacters) : query)
}

/** What would be touched, as a claim says it. Its keys are the gateway's own. */
export function subjectText(mask: Mask, subject: JsonObject): string {
  let text = ''
  for (const key in subject) text += `${text === '' ? '{' : ','}"${key}":${valueText(mask, key, subject[key] as Json)}`
  return text === '' ? '{}' : `${text}}`
}

function valueText(mask: Mask, key: string, value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return quote(key === 'query' ? maskQuery(mask, value) : maskText(mask, value))
}

/** The same of what a refused caller asked for, as it wrote it. */
export function askedText(mask: Mask, { method, scheme, host, port, path, query }: Asked): string {
  let text = ''
  const add = (key: string, value: string) => {
    text += `${text === '' ? '' : ','}"${key}":${value}`
  }
  if (method !== null) add('method', quote(maskText(mask, method), shortBytes))
  if (scheme !== undefined) add('scheme', quote(maskText(mask, scheme), shortBytes))
  if (host !== null) add('host', quote(maskText(mask, host), 2 * shortBytes))
  if (port !== undefined) add('port', String(port))
  if (path !== null) add('path', quote(maskText(mask, path)))
  if (query !== undefined && query !== '') add('query', quote(maskQuery(mask, query)))
  return `{${text}}`
}

/** Of a note; keys are the gateway's own. */
export type Facts = Readonly<Record<string, string | number | boolean | Readonly<Record<string, string>>>>

export function factsText(mask: Mask, facts: Facts): string {
  return Object.entries(facts)
    .map(([key, value]) => `"${key}":${factText(mask, value)}`)
    .join(',')
}

function factText(mask: Mask, value: Facts[string]): string {
  if (typeof value === 'string') return quote(maskText(mask, value))
  if (typeof value !== 'object') return String(value)
  const members = Object.entries(value).map(([key, text]) => `"${key}":${quote(maskText(mask, text), 2 * shortBytes)}`)
  return `{${members.join(',')}}`
}

export function reasonsText(mask: Mask, reasons: readonly string[]): string {
  const texts: string[] = []
  let left = maxReasonsBytes
  for (const reason of reasons.slice(0, maxReasons)) {
    const text = quote(maskText(mask, reason).slice(0, maxReasonCharacters))
    left -= Buffer.byteLength(text)
    if (left < 0) break
    texts.push(text)
  }
  return `[${texts.join(',')}]`
}

// RFC 9110 §8.3.1.
const mediaType = /^[ \t]*([\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127})[ \t]*(?:;|$)/

/** Of a Content-Type only the media type: parameters may hold anything. */
export function mediaTypeText(mask: Mask, contentType: string): string {
  const [, type] = mediaType.exec(contentType) ?? []
  return type === undefined ? '"[not a type]"' : quote(maskText(mask, type.toLowerCase()))
}
