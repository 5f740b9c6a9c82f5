/** What was found is not said again while it goes on. */

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What was away for so long is news when it comes again. */
const firstQuietMs = 4 * hourMs
/** What is so many times as grave is news at once. */
const graver = 10
/** Of one integration; the oldest is forgotten. */
const maxRemembered = 128

interface Said {
  /** First and last time of what goes on. */
  since: number
  last: number
  quietMs: number
  weight: number
}

export interface Repeats {
  /** `quietMs`: how long it must have been away to be news again; longer from time to time where absent. Whether it is to be said: it is new, or was away for a while, or is ten times as grave, or goes on for a day. */
  isNews(key: string, at: number, weight: number, quietMs?: number): boolean
}

export function createRepeats(): Repeats {
  const said = new Map<string, Said>()
  return {
    isNews(key, at, weight, givenMs) {
      const before = said.get(key)
      if (before !== undefined) {
        const goesOn = at >= before.since && at < before.last + before.quietMs && at < before.since + Math.max(dayMs, before.quietMs)
        if (goesOn && weight < graver * before.weight) {
          before.last = Math.max(at, before.last)
          return false
        }
      }
      // What comes again and again is said at longer and longer intervals, until a quiet day.
      const isAgain = before !== undefined && at >= before.last && at < before.last + dayMs
      const quietMs = givenMs ?? (isAgain ? Math.min(dayMs, 2 * before.quietMs) : firstQuietMs)
      said.delete(key)
      said.set(key, { since: at, last: at, quietMs, weight })
      const [oldest] = said.keys()
      if (said.size > maxRemembered && oldest !== undefined) said.delete(oldest)
      return true
    },
  }
}
