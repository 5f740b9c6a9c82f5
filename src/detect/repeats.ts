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

/** How long what was said must be away to be news again: the first time, and at most, when it comes again and again. */
export interface Quiet {
  readonly firstMs: number
  readonly mostMs: number
}

const usually: Quiet = { firstMs: firstQuietMs, mostMs: dayMs }

export interface Repeats {
  /** Whether it is to be said: it is new, or was away for a while, or is ten times as grave, or goes on for a day. */
  isNews(key: string, at: number, weight: number, quiet?: Quiet): boolean
}

export function createRepeats(): Repeats {
  const said = new Map<string, Said>()
  return {
    isNews(key, at, weight, quiet = usually) {
      const before = said.get(key)
      if (before !== undefined) {
        const goesOn = at >= before.since && at < before.last + before.quietMs && at < before.since + Math.max(dayMs, before.quietMs)
        if (goesOn && weight < graver * before.weight) {
          before.last = Math.max(at, before.last)
          return false
        }
      }
      // What comes again and again is said at longer and longer intervals, until a quiet day.
      const isAgain = before !== undefined && at >= before.last && at < before.last + Math.max(dayMs, 2 * before.quietMs)
      const quietMs = isAgain ? Math.min(quiet.mostMs, 2 * before.quietMs) : quiet.firstMs
      said.delete(key)
      said.set(key, { since: at, last: at, quietMs, weight })
      const [oldest] = said.keys()
      if (said.size > maxRemembered && oldest !== undefined) said.delete(oldest)
      return true
    },
  }
}
