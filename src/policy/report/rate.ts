/** At most so many a second, with the burst of one second, as OPA's `max_decisions_per_second`. */

/** `now`: milliseconds, monotonic. `false`: one too many. */
export function createRate(perSecond: number, now: () => number): () => boolean {
  const burst = Math.max(1, perSecond)
  let tokens = burst
  let at = now()
  return () => {
    const time = now()
    tokens = Math.min(burst, tokens + ((time - at) / 1000) * perSecond)
    at = time
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
