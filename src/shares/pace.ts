/** Spaces out what an integration does and what costs all of them time: beyond a burst, one after the other. */

export interface PaceOptions {
  readonly perSecond: number
  /** How many may come at once, after a rest. */
  readonly burst: number
  /** Beyond this wait there is no turn. */
  readonly maxWaitMs: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

/** Takes the owner's next turn, and returns the milliseconds until it comes; `null`, and takes no turn, if that is too long. */
export function createPace({ perSecond, burst, maxWaitMs, now }: PaceOptions): (owner: string) => number | null {
  const eachMs = 1000 / perSecond
  // As in GCRA: when the owner's burst will be full again.
  const restedAt = new Map<string, number>()
  return (owner) => {
    const at = now()
    const rested = Math.max(at, restedAt.get(owner) ?? 0) + eachMs
    const waitMs = Math.max(0, rested - at - burst * eachMs)
    if (waitMs > maxWaitMs) return null
    restedAt.set(owner, rested)
    return waitMs
  }
}
