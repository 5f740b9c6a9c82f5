/** Masks as OPA has them: what `data.system.log.mask` gives, read into rules, or refused whole. */
import type { Json } from '../core/index.ts'

export interface MaskRule {
  readonly op: 'remove' | 'upsert'
  /** As OPA lists it in `erased` and `masked`. */
  readonly shown: string
  /** The first is one of `maskable`. */
  readonly parts: readonly string[]
  readonly value: Json
}

const maskable: ReadonlySet<string | undefined> = new Set(['input', 'result', 'nd_builtin_cache'])

/**
 * `listed`: the rules come in the author's order; a set's are put in OPA's, so that which comes last never depends on a
 * hash. Throws on anything that is not a rule: what it was to mask is not known then.
 */
export function readMaskRules(value: unknown, listed: boolean): readonly MaskRule[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new Error('data.system.log.mask is neither a set nor a list')
  return (listed ? value : value.toSorted(byOpaOrder)).map(readRule)
}

function readRule(rule: unknown): MaskRule {
  if (typeof rule === 'string') return pointedAt(rule, 'remove', null)
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) throw new Error('a mask is neither a path nor an object')
  const { op, path, value = null } = rule as { readonly op?: unknown; readonly path?: unknown; readonly value?: Json }
  if (op !== 'remove' && op !== 'upsert') throw new Error('a mask’s "op" is neither "remove" nor "upsert"')
  if (typeof path !== 'string') throw new Error('a mask’s "path" is not a string')
  return pointedAt(path, op, value)
}

function pointedAt(path: string, op: MaskRule['op'], value: Json): MaskRule {
  if (!path.startsWith('/')) throw new Error('a mask’s path does not begin with a slash')
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) throw new Error('a mask’s path has a percent sign that escapes nothing')
  const parts = path.slice(1).split('/')
  if (!maskable.has(parts[0])) throw new Error('a mask’s path leads neither to /input nor to /result nor to /nd_builtin_cache')
  return { op, parts, value, shown: `/${parts.map(escaped).join('/')}` }
}

/** Go's url.PathEscape, which is how OPA spells the paths that it lists. */
function escaped(part: string): string {
  return encodeURIComponent(part.toWellFormed())
    .replace(/%(?:24|26|2B|3A|3D|40)/g, decodeURIComponent)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Strings before objects, objects by operation, path and value. */
function byOpaOrder(a: unknown, b: unknown): number {
  const [left, right] = [sortKey(a), sortKey(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function sortKey(rule: unknown): string {
  if (typeof rule !== 'object' || rule === null) return `0${String(rule)}`
  const { op, path, value } = rule as Readonly<Record<string, unknown>>
  return `1${String(op)}\0${String(path)}\0${JSON.stringify(value) ?? ''}`
}
