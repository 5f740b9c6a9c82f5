/** JSON text as a value whose numbers keep their spelling: what a double would change stays as it was written. */
import type { Json, JsonObject } from '../core/index.ts'
import { parseJson } from './parse-json.ts'
import { scanJson } from './scan-json.ts'

/**
 * A number that a double cannot hold as it is spelled (`9007199254740993`, `1.0`, `-0`). JSON.stringify writes it as it was
 * read (ECMAScript, "JSON.parse source text access"). A structured clone does not keep it. It is an object to `typeof`, and has no members to a policy.
 */
export type RawNumber = { readonly rawJSON: string }

// TypeScript's library does not know them yet.
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}

/** Whether a value is a number with its own spelling; an object from outside that has the same key is not. */
export function isRawNumber(value: unknown): value is RawNumber {
  return isRawJSON(value)
}

/** Whether a value has members: an array, or an object that is not a number with its own spelling. */
export function hasMembers(value: Json | undefined): value is JsonObject | readonly Json[] {
  return typeof value === 'object' && value !== null && !isRawJSON(value)
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return hasMembers(value) && !Array.isArray(value)
}

export function rawNumber(spelling: string): RawNumber {
  return rawJSON(spelling)
}

/**
 * Numbers whose spelling a double may forget: an exponent, a fraction that ends in 0 or begins with six, a negative zero,
 * sixteen digits. May match inside strings, which costs time only.
 */
const oddNumber = /\d[eE]|\.\d*0(?!\d)|\.000000|-0(?![.\d])|[\d.]{16}/

/** Most numbers: nothing about them can be forgotten. */
const plainInteger = /^(?:-?[1-9]\d{0,14}|0)$/

/** As `parseJson`, with `RawNumber` where a number is not spelled as JavaScript would. Throws what JSON.parse throws. */
export function parseExactJson(text: string): Json {
  return oddNumber.test(text) ? parseSpelled(text, () => {}) : parseJson(text)
}

/** A number of JSON text that readers take for infinity, for `null`, or for zero. */
export class NumberOutOfRange extends Error {}

/**
 * As `parseExactJson`. Throws `NumberOutOfRange` on a number that is beyond every double, or so small that it becomes zero:
 * readers differ over it, OPA finds `1e400` and `10e399` equal and yet not in each other's set, and refuses both with a
 * larger exponent. What is judged must not hold one.
 */
export function parseJudgedJson(text: string): Json {
  return oddNumber.test(text) ? parseSpelled(text, requireInRange) : parseJson(text)
}

function requireInRange(spelling: string, value: number): void {
  if (!Number.isFinite(value) || (value === 0 && /^[^eE]*[1-9]/.test(spelling)))
    throw new NumberOutOfRange(`has a number out of range, ${spelling.slice(0, 40)}`)
}

/** A reviver of JSON.parse would do, and takes ten times as long for megabytes of data. */
function parseSpelled(text: string, check: (spelling: string, value: number) => void): Json {
  const plain = parseJson(text)
  // It cannot be guessed, so no sender can write a string that looks like a stand-in.
  const prefix = crypto.randomUUID()
  // One for each spelling: making them is what takes the time.
  const numbers = new Map<string, RawNumber>()
  const parts: string[] = []
  let from = 0
  scanJson(text, {
    number(start, end) {
      const spelling = text.slice(start, end)
      if (plainInteger.test(spelling)) return
      const value = Number(spelling)
      check(spelling, value)
      if (String(value) === spelling) return
      parts.push(text.slice(from, start), `"${prefix}${spelling}"`)
      if (!numbers.has(spelling)) numbers.set(spelling, rawJSON(spelling))
      from = end
    },
  })
  if (numbers.size === 0) return plain
  const top = { value: parseJson(parts.join('') + text.slice(from)) }
  replaceStrings(top, (string) => (string.startsWith(prefix) ? numbers.get(string.slice(prefix.length)) : undefined))
  return top.value
}

/** In place, and without recursion, which a deep document would end. */
function replaceStrings(root: Json, replacement: (text: string) => RawNumber | undefined): void {
  const containers = [root as Json[] | Record<string, Json>]
  const next = (item: Json): Json => {
    if (typeof item === 'string') return replacement(item) ?? item
    if (typeof item === 'object' && item !== null) containers.push(item as Json[])
    return item
  }
  for (let node = containers.pop(); node !== undefined; node = containers.pop()) {
    if (Array.isArray(node)) for (let at = 0; at < node.length; at += 1) node[at] = next(node[at] as Json)
    else
      for (const key of Object.keys(node)) {
        const item = node[key] as Json
        const value = next(item)
        if (value === item) continue
        // A member called `__proto__` is a member like any other.
        if (key === '__proto__') Object.defineProperty(node, key, { value, enumerable: true, writable: true, configurable: true })
        else node[key] = value
      }
  }
}

// Control characters, quotes, backslashes and surrogates need JSON.stringify; most strings have none.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const plain = /^[^"\\\x00-\x1f\ud800-\udfff]*$/

/** JSON whose strings are all well-formed: a lone surrogate, escaped or not, makes the policy's parser throw and leak. */
export function stringify(value: Json): string {
  if (typeof value === 'string') return plain.test(value) ? `"${value}"` : JSON.stringify(value.toWellFormed())
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return JSON.stringify(value, wellFormed)
}

/** JSON.stringify escapes lone surrogates in keys and values; the escape itself is what breaks the Wasm parser. */
function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  for (const key in value) {
    if (key.isWellFormed()) continue
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name.toWellFormed(), item]))
  }
  return value
}
