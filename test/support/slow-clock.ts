/** A clock that a test moves on, and the pauses that are waited for by it. */
import { setImmediate as nextTurn } from 'node:timers/promises'

export interface SlowClock {
  readonly now: () => number
  readonly after: (ms: number, callback: () => void) => () => void
  /** Pauses that are under way. */
  waiting(): number
  /** To that moment, by way of every pause that ends until then; each is told so many milliseconds late. */
  runUntil(ms: number, lateMs?: () => number): Promise<void>
}

export function createSlowClock(): SlowClock {
  const pauses = new Set<{ readonly at: number; readonly callback: () => void }>()
  let now = 0
  return {
    now: () => now,
    after(ms, callback) {
      const pause = { at: now + ms, callback }
      pauses.add(pause)
      return () => void pauses.delete(pause)
    },
    waiting: () => pauses.size,
    async runUntil(ms, lateMs = () => 0) {
      for (;;) {
        // Whoever was told goes on first.
        await nextTurn()
        const [next] = [...pauses].sort((a, b) => a.at - b.at)
        if (next === undefined || next.at > ms) break
        pauses.delete(next)
        now = Math.max(now, Math.min(ms, next.at + lateMs()))
        next.callback()
      }
      now = Math.max(now, ms)
    },
  }
}
