/** A document cut down to what a policy can look at, as JSON text. */
import { hasMembers, type Json } from '../core/index.ts'
import type { Sight } from './compiler/index.ts'

/** What of the input a policy can look at (rego/compiler/plan.go). */
export type InputSight = Pick<Sight, 'reads' | 'probes'>

/** One place of the document: seen whole, or only its presence and type and what stands in `children`. */
export interface Place {
  readonly whole: boolean
  readonly children: ReadonlyMap<string, Place>
}

export function placesOf({ reads, probes }: InputSight): Place {
  const root = createPlace()
  for (const path of reads) reach(root, path).whole = true
  for (const path of probes) reach(root, path)
  return root
}

interface MutablePlace extends Place {
  whole: boolean
  readonly children: Map<string, MutablePlace>
}

function createPlace(): MutablePlace {
  return { whole: false, children: new Map() }
}

function reach(root: MutablePlace, path: readonly string[]): MutablePlace {
  let place = root
  for (const key of path) {
    let next = place.children.get(key)
    if (next === undefined) {
      next = createPlace()
      place.children.set(key, next)
    }
    place = next
  }
  return place
}

const everything: Place = { whole: true, children: new Map() }

/** The place of a member; `undefined` where the policy cannot see it. */
export function memberOf(place: Place | undefined, key: string): Place | undefined {
  return place?.whole === true ? everything : place?.children.get(key)
}

/** A part that is only looked through keeps its type: an object its visible members, an array none, a scalar becomes null. */
export function writeProjected(place: Place, value: Json): string {
  if (place.whole) return stringify(value)
  if (Array.isArray(value)) return '[]'
  if (!hasMembers(value)) return 'null'
  let text = ''
  for (const [key, child] of place.children)
    if (Object.hasOwn(value, key))
      text += `${text === '' ? '{' : ','}${stringify(key)}:${writeProjected(child, (value as Record<string, Json>)[key] as Json)}`
  return text === '' ? '{}' : `${text}}`
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
