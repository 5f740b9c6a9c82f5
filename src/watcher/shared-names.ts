/** Names that come with each slice are kept once: JSON makes a new text of each, and what is learned of 50,000 pairs would hold as many copies. */
import type { Flow, Slice } from '../watch/index.ts'

const maxNames = 20_000

/** Replaces the names in a slice, which nobody else has yet, by those that were there before. */
export function createNameSharing(): (slice: Slice) => Slice {
  const names = new Map<string, string>()

  function shared(name: string): string {
    const found = names.get(name)
    if (found !== undefined) return found
    if (names.size >= maxNames) names.clear()
    names.set(name, name)
    return name
  }

  return (slice) => {
    for (const flow of slice.flows) {
      const owned = flow as { -readonly [Key in keyof Flow]: Flow[Key] }
      owned.integration = shared(owned.integration)
      owned.destination = shared(owned.destination)
      if (owned.owner !== null) owned.owner = shared(owned.owner)
    }
    return slice
  }
}
