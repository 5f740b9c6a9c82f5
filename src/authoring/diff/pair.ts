/** Which capability of one manifest became which of another: its place may have changed, and so may what it says. */
import type { Scope } from './dimensions.ts'

export interface Pair {
  readonly before: Scope | null
  readonly after: Scope | null
}

/** Equal capabilities first, then the most similar of the rest; capabilities without a common host or name are different ones. */
export function pair(before: readonly Scope[], after: readonly Scope[]): readonly Pair[] {
  const candidates = before.flatMap((was) => after.map((is) => ({ was, is, likeness: likeness(was, is) })))
  const gone = new Set(before)
  const added = new Set(after)
  const found = new Map<Scope, Scope>()
  for (const { was, is } of candidates.filter((pair) => pair.likeness > 0).sort((a, b) => b.likeness - a.likeness)) {
    if (!gone.has(was) || !added.has(is)) continue
    gone.delete(was)
    added.delete(is)
    found.set(is, was)
  }
  return [...[...gone].map((was) => ({ before: was, after: null })), ...after.map((is) => ({ before: found.get(is) ?? null, after: is }))]
}

/** 0: nothing to do with each other. */
function likeness(was: Scope, is: Scope): number {
  if (was.kind !== is.kind) return 0
  const about = overlap(was.about, is.about)
  if (about === 0) return 0
  const rest = is.dimensions.map(({ values }, index) => overlap(values, was.dimensions[index]?.values ?? null))
  const facts = Object.keys(is.facts).filter((key) => is.facts[key] === was.facts[key]).length
  return 10 * about + rest.reduce((sum, weight) => sum + weight, 0) + facts + (was.id === is.id ? 0.1 : 0)
}

/** Shared part of all values, 0 to 1. */
function overlap(a: readonly string[] | null, b: readonly string[] | null): number {
  if (a === null || b === null) return a === b ? 1 : 0
  if (a.length === 0 && b.length === 0) return 1
  const shared = a.filter((item) => b.includes(item)).length
  return shared / (a.length + b.length - shared)
}
