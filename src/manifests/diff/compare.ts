/** What one capability allows that another does not, in words. */
import type { Bound, Dimension, Scope } from './dimensions.ts'

export interface Comparison {
  readonly newlyAllowed: readonly string[]
  readonly noLongerAllowed: readonly string[]
  /** What is another thing now: `tls: intercept → tunnel`. */
  readonly changed: readonly string[]
}

export function compare(before: Scope, after: Scope): Comparison {
  return {
    newlyAllowed: [
      ...dimensions(before, after).flatMap(([was, is]) => extra(was, is)),
      ...bounds(before, after).flatMap(([was, is]) => raised(was, is)),
    ],
    noLongerAllowed: [
      ...dimensions(before, after).flatMap(([was, is]) => extra(is, was)),
      ...bounds(before, after).flatMap(([was, is]) => raised(is, was)),
    ],
    changed: [
      ...Object.keys(after.facts)
        .filter((key) => before.facts[key] !== after.facts[key])
        .map((key) => `${key}: ${before.facts[key]} → ${after.facts[key]}${consequence(key, before.facts[key], after.facts[key])}`),
      ...bounds(before, after)
        .filter(([was, is]) => was.value !== is.value && (was.value === null || is.value === null))
        .map(([was, is]) => `${was.label}: ${was.value ?? 'the default'} → ${is.value ?? 'the default'}`),
    ],
  }
}

/** Whether `general` allows all that `specific` does. */
export function contains(general: Scope, specific: Scope): boolean {
  if (general.kind !== specific.kind || (general.kind !== 'network' && general.about[0] !== specific.about[0])) return false
  const { newlyAllowed, changed } = compare(general, specific)
  return newlyAllowed.length === 0 && changed.length === 0
}

/** `GET, POST on api.example.com: port 443, path /v1/**, tls: intercept`. */
export function describe({ kind, about, dimensions, facts }: Scope): string {
  const said = dimensions
    .filter(
      ({ label, values }) =>
        label !== 'host' && (values === null ? label !== 'query' : values.length > 0 || label === 'method' || label === 'path'),
    )
    .map(({ label, values }) =>
      values === null ? `every ${label}` : values.length === 0 ? `no ${label}` : `${label} ${values.join(', ')}`,
    )
  const where = kind === 'network' ? about.join(', ') : kind === 'services' ? `service "${about[0]}"` : `files "${about[0]}"`
  return `${where}: ${[...said, ...Object.entries(facts).map(([key, value]) => `${key}: ${value}`)].join('; ')}`
}

function dimensions(before: Scope, after: Scope): readonly (readonly [Dimension, Dimension])[] {
  return after.dimensions.map((is, index) => [before.dimensions[index] ?? is, is] as const)
}

function bounds(before: Scope, after: Scope): readonly (readonly [Bound, Bound])[] {
  return after.bounds.map((is, index) => [before.bounds[index] ?? is, is] as const)
}

/** What `more` has beyond `less`. */
function extra(less: Dimension, more: Dimension): readonly string[] {
  const { label, values, covers } = more
  if (less.values === null) return []
  if (values === null) return [less.values.length === 0 ? `every ${label}` : `every ${label} beside ${less.values.join(', ')}`]
  return values.filter((value) => !(less.values ?? []).some((general) => covers(general, value))).map((value) => `${label} ${value}`)
}

function raised(less: Bound, more: Bound): readonly string[] {
  if (less.value === null || more.value === null || more.value <= less.value) return []
  return [`${more.label} from ${less.value} to ${more.value}`]
}

function consequence(key: string, before: string | undefined, after: string | undefined): string {
  if (key !== 'tls') return ''
  if (after === 'tunnel') return ' (requests inside are no longer seen or judged)'
  return before === 'tunnel' ? ' (requests are seen and judged one by one)' : ''
}
