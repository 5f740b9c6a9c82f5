/** The paths that a bundle may define: `acme/hr` covers itself and all below it, the empty root covers everything. */

/** `/acme/hr/` → `acme/hr`. */
export function trimRoot(root: string): string {
  return root.replace(/^\/+|\/+$/g, '')
}

export function rootsContain(roots: readonly string[], path: readonly string[]): boolean {
  return roots.some((root) => startsWith(path, segmentsOf(root)))
}

/** Whether a root is below `path`, so that `path` has to be searched. */
export function rootsReachInto(roots: readonly string[], path: readonly string[]): boolean {
  return roots.some((root) => startsWith(segmentsOf(root), path))
}

/** Two roots of which one covers the other; `null` where all are apart. */
export function overlapOf(roots: readonly string[]): readonly [string, string] | null {
  // In the order of their segments, one that covers others stands right before the first of them.
  const sorted = roots.map(segmentsOf).sort(compareSegments)
  for (const [index, root] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next !== undefined && startsWith(next, root)) return [root.join('/'), next.join('/')]
  }
  return null
}

function segmentsOf(root: string): readonly string[] {
  return root === '' ? [] : root.split('/')
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.length <= path.length && start.every((segment, index) => segment === path[index])
}

function compareSegments(a: readonly string[], b: readonly string[]): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    if (segment !== other) return segment < other ? -1 : 1
  }
  return a.length - b.length
}
