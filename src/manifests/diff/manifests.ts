/** What changed for each integration between two sets of manifests, capability by capability. */
import type { Integration } from '../../core/index.ts'
import { type Comparison, compare, contains, describe } from './compare.ts'
import { type CapabilityKind, type Scope, scopesOf } from './dimensions.ts'

export interface CapabilityChange extends Comparison {
  readonly kind: CapabilityKind
  /** Its id before and now, `network/0`; `null` where it is not in that manifest. */
  readonly before: string | null
  readonly after: string | null
  readonly change: 'added' | 'removed' | 'widened' | 'narrowed' | 'changed'
  /** Hosts, or the name of a service or root. */
  readonly about: readonly string[]
  /** Another capability that allows the same, so that this one changes nothing. */
  readonly coveredBy: string | null
}

export interface IntegrationChange {
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly capabilities: readonly CapabilityChange[]
  /** Beside capabilities, in words: `limits.requests.rate: 10 → 20`. */
  readonly fields: readonly string[]
}

/** Compares their meaning: comments, the order of keys and written defaults are not differences. */
export function diffManifests(before: readonly Integration[], after: readonly Integration[]): readonly IntegrationChange[] {
  const was = new Map(before.map((capability) => [capability.name, capability]))
  const is = new Map(after.map((capability) => [capability.name, capability]))
  const names = [...new Set([...was.keys(), ...is.keys()])].sort()
  return names.flatMap((name) => {
    const [earlier, later] = [was.get(name), is.get(name)]
    // Of a thousand manifests few differ: those that are the same to the last value are not looked into.
    if (earlier !== undefined && later !== undefined && JSON.stringify(earlier) === JSON.stringify(later)) return []
    const capabilities = diffScopes(earlier === undefined ? [] : scopesOf(earlier), later === undefined ? [] : scopesOf(later))
    const fields = earlier === undefined || later === undefined ? [] : diffFields(earlier, later)
    const change = earlier === undefined ? 'added' : later === undefined ? 'removed' : 'changed'
    return change === 'changed' && capabilities.length === 0 && fields.length === 0 ? [] : [{ name, change, capabilities, fields } as const]
  })
}

function diffScopes(before: readonly Scope[], after: readonly Scope[]): readonly CapabilityChange[] {
  return pair(before, after).flatMap(({ before: was, after: is }): readonly CapabilityChange[] => {
    if (was !== null && is !== null) return changeOf(was, is)
    const scope = is ?? was
    if (scope === null) return []
    const places = { kind: scope.kind, about: scope.about, before: was?.id ?? null, after: is?.id ?? null, changed: [] }
    const text = [describe(scope)]
    return was === null
      ? [{ ...places, change: 'added', newlyAllowed: text, noLongerAllowed: [], coveredBy: coveredBy(before, scope) }]
      : [{ ...places, change: 'removed', newlyAllowed: [], noLongerAllowed: text, coveredBy: coveredBy(after, scope) }]
  })
}

function changeOf(was: Scope, is: Scope): readonly CapabilityChange[] {
  const { newlyAllowed, noLongerAllowed, changed } = compare(was, is)
  const [more, less, other] = [newlyAllowed.length > 0, noLongerAllowed.length > 0, changed.length > 0]
  if (!more && !less && !other) return []
  const change = other || (more && less) ? 'changed' : more ? 'widened' : 'narrowed'
  return [{ kind: is.kind, about: is.about, before: was.id, after: is.id, change, newlyAllowed, noLongerAllowed, changed, coveredBy: null }]
}

function coveredBy(others: readonly Scope[], scope: Scope): string | null {
  return others.find((other) => contains(other, scope))?.id ?? null
}

function diffFields(before: Integration, after: Integration): readonly string[] {
  const [was, is] = [flatten(fieldsOf(before)), flatten(fieldsOf(after))]
  const keys = [...new Set([...was.keys(), ...is.keys()])].sort()
  const fields = keys
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) => `${key}: ${was.get(key) ?? 'absent'} → ${is.get(key) ?? 'absent'}`)
  return [...fields, ...diffTokens(before, after)]
}

function fieldsOf({ owner, labels, source, limits, breaker, redaction, telemetry, denials }: Integration): object {
  return { file: source, owner, labels, limits, breaker, redaction, denials, ...(telemetry !== undefined && { telemetry }) }
}

/** Lists count as one value. */
function flatten(value: object, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === 'object' && member !== null && !Array.isArray(member))
      for (const [path, text] of flatten(member, `${prefix}${key}.`)) flat.set(path, text)
    else flat.set(`${prefix}${key}`, JSON.stringify(member))
  }
  return flat
}

/** Hashes say nothing to a reader: how many come and go does. */
function diffTokens(before: Integration, after: Integration): readonly string[] {
  const [was, is] = [tokensOf(before), tokensOf(after)]
  const added = is.filter((item) => !was.includes(item)).length
  const removed = was.filter((item) => !is.includes(item)).length
  return added + removed === 0 ? [] : [`identity.tokens: ${added} added, ${removed} removed`]
}

function tokensOf({ tokenHashes }: Integration): readonly string[] {
  return tokenHashes.map((tokenHash) => tokenHash.toString('hex'))
}

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
