/** At most so many a second, with the burst of one second, as OPA's `max_decisions_per_second`; shared out, so that no integration keeps another's from passing. */

/** What an integration has taken of its share. */
interface Taken {
  level: number
  atMs: number
}

/**
 * `now`: milliseconds, monotonic. `false`: one too many.
 *
 * Each of those who have asked recently may have an equal part. A caller that wants more has what the others leave, except for what is
 * kept for who comes next: one alone has the whole rate and its burst, and a second finds room at once.
 */
export function createRate(perSecond: number, now: () => number): (owner: string) => boolean {
  const burst = Math.max(1, perSecond)
  /** For who comes next: where it is used, a second may have as much more. */
  const kept = Math.min(burst / 2, burst - 1)
  const most = burst + kept
  const recently = (burst / perSecond) * 1000
  /** Who asked last stands last. */
  const owners = new Map<string, Taken>()
  let tokens = most
  let at = now()

  function forgetOld(time: number): void {
    for (const [owner, { atMs }] of owners) {
      if (time - atMs <= recently) return
      owners.delete(owner)
    }
  }

  return (owner) => {
    const time = now()
    tokens = Math.min(most, tokens + ((time - at) / 1000) * perSecond)
    at = time
    const taken = owners.get(owner) ?? { level: 0, atMs: time }
    owners.delete(owner)
    forgetOld(time)
    owners.set(owner, taken)
    // One more, for who comes next.
    const share = perSecond / (owners.size + 1)
    taken.level = Math.max(0, taken.level - ((time - taken.atMs) / 1000) * share)
    taken.atMs = time
    const isWithinShare = taken.level + 1 <= Math.max(1, share)
    if (tokens < (isWithinShare ? 1 : 1 + kept)) return false
    tokens -= 1
    if (isWithinShare) taken.level += 1
    return true
  }
}
