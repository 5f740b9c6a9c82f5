/** Many names in one place of the path: beyond a threshold they are taken for names of things, and one `*` stands for all. */

export interface Merged {
  readonly pattern: string
  /** The most segments that one `*` of it stands for; 0 where none was merged. */
  readonly siblings: number
}

/** For each pattern what stands for it. `maxSiblings`: so many different segments in one place stay as they are. */
export function mergeSiblings(patterns: Iterable<string>, maxSiblings: number): ReadonlyMap<string, Merged> {
  const merged = new Map<string, Merged>()
  const visit = (paths: readonly Path[], depth: number, prefix: readonly string[], siblings: number): void => {
    const groups = new Map<string, Path[]>()
    for (const path of paths) {
      const segment = path.segments[depth]
      if (segment === undefined) merged.set(path.pattern, { pattern: prefix.join('/'), siblings })
      else append(groups, segment, path)
    }
    // An empty segment is no name, what holds a wildcard already is none either, and no `*` stands for an encoded slash.
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
