/** What integrations share and hold for a while, bytes or places: each may hold as much as is free, so that whoever is greedy leaves room for the next. */

interface FairMemory {
  /** Takes nothing and answers `false` where the owner would hold more than is left for all. */
  take(owner: string, bytes: number): boolean
  give(owner: string, bytes: number): void
}

/**
 * `bytes`: of all owners. One alone gets half, a second then half of the rest, and so on: nothing has to be taken from
 * anybody, and something is always free (Choudhury and Hahne, "Dynamic queue length thresholds", 1998, with α = 1).
 */
export function createFairMemory(bytes: number): FairMemory {
  const held = new Map<string, number>()
  let free = bytes

  return {
    take(owner, wanted) {
      const own = (held.get(owner) ?? 0) + wanted
      if (own > free - wanted) return false
      held.set(owner, own)
      free -= wanted
      return true
    },
    give(owner, given) {
      const own = (held.get(owner) ?? 0) - given
      if (own > 0) held.set(owner, own)
      else held.delete(owner)
      free += given
    },
  }
}
