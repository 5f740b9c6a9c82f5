/** What of a recorded request no record holds, and what can be said of the request all the same: what is the same whatever stands there. */
import type { JsonObject, ResourceKind } from '../core/index.ts'
import { type InputReads, memberOf, placesOf } from './projection.ts'

/** A part of the input that is not known. */
export interface UnseenPart {
  readonly path: readonly string[]
  /** It may as well have been missing. */
  readonly isOptional: boolean
  /** Of what it is a part in the record, as rules write that. */
  readonly name: string
}

/** What is said depends on these, as rules write them: `input.http.headers`. */
export interface Undecided {
  readonly dependsOn: readonly string[]
}

/** `facts`: what is known, by the keys of the kind. */
export function unseenOf(kind: ResourceKind, facts: JsonObject, hidden: readonly string[]): readonly UnseenPart[] {
  const isExchange = kind === 'http' || kind === 'service'
  const always = isExchange ? ['headers'] : []
  const ofPath = hidden.includes('path') && isExchange
  const optional = isExchange ? ['body', ...(ofPath ? ['encodedSlash', 'emptySegments'].filter((form) => facts[form] !== true) : [])] : []
  const present = [...always, ...hidden, ...(ofPath ? ['segments'] : [])]
  const part = (key: string, isOptional: boolean) => ({
    path: [kind, key],
    isOptional,
    name: `input.${kind}.${madeOf[key] ?? key}`,
  })
  return [
    ...present.map((key) => part(key, false)),
    ...optional.map((key) => part(key, true)),
    { path: ['context'], isOptional: false, name: 'input.context' },
  ]
}

const madeOf: Readonly<Record<string, string>> = { segments: 'path', encodedSlash: 'path', emptySegments: 'path', judgedQuery: 'query' }

/** Those of them that a policy reads. */
export function visibleOf(parts: readonly UnseenPart[], policyReads: InputReads): readonly UnseenPart[] {
  const root = placesOf(policyReads)
  return parts.filter(({ path }) => path.reduce<ReturnType<typeof memberOf>>(memberOf, root) !== undefined)
}

/**
 * What `ask` says whatever stands in the parts that are not known. It is asked with paths, JSON arrays, of values that it must not look at; an
 * optional part that is not among them is missing. It answers `null` where it had to look at one, and a text that names
 * what else is not known.
 */
export function sayWithout<Answer extends object>(
  parts: readonly UnseenPart[],
  ask: (unread: readonly string[]) => Answer | string | null,
): Answer | Undecided {
  const [first, ...others] = variantsOf(parts).map((unread) => ask(unread))
  const missing = [first, ...others].find((answer) => typeof answer === 'string')
  if (typeof missing === 'string') return { dependsOn: [missing] }
  const isSame = (answer: unknown) => JSON.stringify(answer) === JSON.stringify(first)
  if (first !== undefined && first !== null && typeof first !== 'string' && others.every(isSame)) return first
  return { dependsOn: causesOf(parts, ask) }
}

/** Every choice of optional parts that are missing; where nothing is. */
function variantsOf(parts: readonly UnseenPart[]): readonly (readonly string[])[] {
  let variants: readonly (readonly string[])[] = [[]]
  for (const { path, isOptional } of parts) {
    const key = JSON.stringify(path)
    const present = variants.map((variant) => [...variant, key])
    variants = isOptional ? [...present, ...variants] : present
  }
  return variants
}

/** Each part that is looked at where it alone is not known, and the others are missing; all where no single one is. */
function causesOf(parts: readonly UnseenPart[], ask: (unread: readonly string[]) => unknown): readonly string[] {
  const alone = parts.filter(({ path }) => ask([JSON.stringify(path)]) === null)
  return [...new Set((alone.length === 0 ? parts : alone).map(({ name }) => name))]
}
