/** Many names at one place of the path: beyond a threshold they count as names of things, and one `*` replaces them. */

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
