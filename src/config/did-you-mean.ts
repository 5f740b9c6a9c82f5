/** Suggests the known word for a mistyped one. */

/** `; did you mean "…"?`, or nothing where no known word is near. */
export function suggest(word: string, known: readonly string[]): string {
  const guess = nearest(word, known)
  return guess === null ? '' : `; did you mean "${guess}"?`
}

/** `null` where nothing is near: more than a third of the letters differ. */
function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null
  let bound = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bound)
    if (distance < bound) {
      best = candidate
      bound = distance
    }
  }
  return best
}

/** Optimal string alignment (two neighbours swapped are one slip), or `bound` where it is at least that. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let before: readonly number[] = []
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : bound
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1), swapped)
    }
    before = row
    row = next
  }
  return row[b.length] ?? bound
}
