/** Something limited that integrations hold for a while, such as bytes: each may hold as much as is still free, so that a greedy one leaves room for others. */

interface FairMemory {
  /** Takes nothing and answers `false` if the owner would then hold more than is left free. */
  take(owner: string, bytes: number): boolean
  give(owner: string, bytes: number): void
}

/**
 * `bytes`: of all owners together. One alone gets half, a second one then half of the rest, and so on: nothing has to be taken
 * away from an owner, and something is always free (Choudhury and Hahne, "Dynamic queue length thresholds", 1998, with α = 1).
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
