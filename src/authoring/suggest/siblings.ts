/** Segments that identify one thing among many become `*`: those that look like ids, and many different names at one place. */

export interface Merged {
  readonly pattern: string
  /** The most segments that one of its `*` replaces; 0 where none was merged. */
  readonly siblings: number
}

/** The replacement of each pattern. `maxSiblings`: up to so many different segments at one place are kept. */
export function mergeSiblings(patterns: Iterable<string>, maxSiblings: number): ReadonlyMap<string, Merged> {
  const merged = new Map<string, Merged>()
  const visit = (paths: readonly Path[], depth: number, prefix: readonly string[], siblings: number): void => {
    const groups = new Map<string, Path[]>()
    for (const path of paths) {
      const segment = path.segments[depth]
      if (segment === undefined) merged.set(path.pattern, { pattern: prefix.join('/'), siblings })
      else append(groups, segment, path)
    }
    // An empty segment and one with a wildcard are not names, and `*` does not match an encoded slash.
    const names = [...groups.keys()].filter((segment) => segment !== '' && !segment.includes('*') && !segment.includes('%2F'))
    const count = names.length > maxSiblings ? names.length : 0
    if (count > 0) {
      const together = names.flatMap((name) => groups.get(name) ?? [])
      for (const name of names) groups.delete(name)
      for (const path of together) append(groups, '*', path)
    }
    for (const [segment, group] of groups)
      visit(group, depth + 1, [...prefix, segment], segment === '*' ? Math.max(siblings, count) : siblings)
  }
  visit(
    [...patterns].map((pattern) => ({ pattern, segments: pattern.split('/') })),
    0,
    [],
    0,
  )
  return merged
}

interface Path {
  readonly pattern: string
  readonly segments: readonly string[]
}

function append(groups: Map<string, Path[]>, key: string, path: Path): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [path])
  else group.push(path)
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
/** 2026-01-31, 2026-01, 2026-01-31T10:00:00Z, its colons percent-encoded or not. */
const date = /^\d{4}-\d{2}(?:-\d{2}(?:T[\dA-Z:.%+-]*)?)?$/

/** Numbers, UUIDs, hex from 8 digits, dates, and long tokens of mixed characters (base64url, ULID). Words are not ids, however long. */
export function isId(segment: string): boolean {
  if (/^\d+$/.test(segment) || uuid.test(segment) || date.test(segment)) return true
  if (/^[0-9a-f]{8,}$/i.test(segment) && (/\d/.test(segment) || segment.length >= 16)) return true
  const token = /^[\w-]{16,}(?:=|%3D){0,2}$/.test(segment)
  if (token && /\d/.test(segment) && /[A-Z]/.test(segment) && /[a-z]/.test(segment)) return true
  return /^[A-Za-z0-9]{20,}$/.test(segment) && (segment.match(/\d/g)?.length ?? 0) >= 3
}

/** `*` does not match an encoded slash, so the text between two of them is checked by itself. `/v1/items/17` → `/v1/items/*`, `/img/17.png` → `/img/*.png`, `/invoices/inv_8f31c2d90b` → `/invoices/inv_*`. */
export function generaliseIds(pattern: string): string {
  return pattern
    .split('/')
    .map((segment) => (segment.includes('*') ? segment : segment.split('%2F').map(generaliseSegment).join('%2F')))
    .join('/')
}

function generaliseSegment(segment: string): string {
  if (isId(segment)) return '*'
  const [, stem = '', ending = ''] = /^(.+)(\.[A-Za-z][A-Za-z0-9]{0,7})$/.exec(segment) ?? []
  if (stem !== '' && isId(stem)) return `*${ending}`
  const [, prefix = '', rest = ''] = /^([A-Za-z]{1,12}[_-])(.{3,})$/.exec(segment) ?? []
  return prefix !== '' && isId(rest) ? `${prefix}*` : segment
}
