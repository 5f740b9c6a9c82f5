/** A caller that waits for so long and then hangs up. */
import type { Hangup } from '../core/index.ts'

export interface Deadline extends Hangup {
  /** Nobody waits any more. */
  end(): void
}

export function createDeadline(timeoutMs: number): Deadline {
  const listeners = new Set<() => void>()
  let gone = false
  const timer = setTimeout(() => {
    gone = true
    for (const listener of listeners) listener()
  }, timeoutMs)
  return {
    get gone() {
      return gone
    },
    onGone(callback) {
      if (gone) callback()
      else listeners.add(callback)
      return () => void listeners.delete(callback)
    },
    end: () => clearTimeout(timer),
  }
}
