/** Applies masks to an event: what a path leads to is removed or replaced, and listed. */
import type { Json } from '../core/index.ts'
import { hasMembers } from '../text/index.ts'
import type { DecisionEvent } from './event.ts'
import type { MaskRule } from './mask-rules.ts'

type Node = Json[] | Record<string, Json>

/**
 * Changes `event`, which no other code may hold. A path that leads nowhere masks nothing, as OPA has it. Keys are only ever
 * an object's own, and only ever become its own: `__proto__` is a name like any other.
 */
export function applyMasks(event: DecisionEvent, rules: readonly MaskRule[]): void {
  const root = event as unknown as Record<string, Json>
  for (const rule of rules) {
    const [document = '', ...path] = rule.parts
    if (!Object.hasOwn(root, document)) continue
    const done = rule.op === 'remove' ? remove(root, [document, ...path]) : upsert(root, [document, ...path], rule.value)
    if (!done) continue
    const list = rule.op === 'remove' ? 'erased' : 'masked'
    event[list] = [...(event[list] ?? []), rule.shown]
  }
}

function remove(root: Node, path: readonly string[]): boolean {
  const parent = walk(root, path.slice(0, -1))
  const key = parent === undefined ? undefined : keyIn(parent, path.at(-1) ?? '')
  if (parent === undefined || key === undefined) return false
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
  return true
}

function upsert(root: Node, path: readonly string[], value: Json): boolean {
  let node: Node = root
  for (const part of path.slice(0, -1)) {
    const key = keyIn(node, part)
    if (key === undefined && Array.isArray(node)) return false
    if (key === undefined) put(node, part, {})
    const next: Json | undefined = (node as Record<string, Json>)[key ?? part]
    if (!isNode(next)) return false
    node = next
  }
  const last = path.at(-1) ?? ''
  const key = keyIn(node, last)
  if (key === undefined && Array.isArray(node)) return false
  // A value may be put in several places: what a later mask changes in one must not change in the others.
  put(node, key ?? last, copyOf(value))
  return true
}

function walk(root: Node, path: readonly string[]): Node | undefined {
  let node: Json | undefined = root
  for (const part of path) {
    if (!isNode(node)) return undefined
    const key = keyIn(node, part)
    if (key === undefined) return undefined
    node = (node as Record<string, Json>)[key]
  }
  return isNode(node) ? node : undefined
}

/** As written, which is all that OPA looks for, or else unescaped by RFC 6901 §3: a mask that was meant must not miss. */
function keyIn(node: Node, part: string): string | undefined {
  if (Array.isArray(node)) return /^\d+$/.test(part) && Number(part) < node.length ? part : undefined
  if (Object.hasOwn(node, part)) return part
  const pointed = part.replaceAll('~1', '/').replaceAll('~0', '~')
  return Object.hasOwn(node, pointed) ? pointed : undefined
}

function put(node: Node, key: string, value: Json): void {
  Object.defineProperty(node, key, { value, enumerable: true, writable: true, configurable: true })
}

function isNode(value: Json | undefined): value is Json & Node {
  return hasMembers(value)
}

/** Numbers keep their spelling, which structuredClone would make objects of. */
function copyOf(value: Json): Json {
  if (!isNode(value)) return value
  if (Array.isArray(value)) return value.map(copyOf)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]))
}
