/** A document cut down to what a policy can look at, as JSON text. */
import type { Json } from '../core/index.ts'
import type { PolicyReads } from '../opa/index.ts'
import { hasMembers, stringify } from '../text/index.ts'

/** What of the input a policy can look at (rego/compiler/plan.go). */
export type InputReads = Pick<PolicyReads, 'reads' | 'probes'>

/** One place of the document: seen whole, or only its presence and type and what stands in `children`. */
export interface Place {
  readonly whole: boolean
  readonly children: ReadonlyMap<string, Place>
}

export function placesOf({ reads, probes }: InputReads): Place {
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
