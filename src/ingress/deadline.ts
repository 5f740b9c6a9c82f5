/** A caller that waits for so long and then hangs up. */
import type { Hangup } from '../core/index.ts'

export interface Deadline extends Hangup {
  /** Nobody waits any more. */
  end(): void
}

/** `asker`: it hangs up as well when that does. */
export function createDeadline(timeoutMs: number, asker: Hangup): Deadline {
  const listeners = new Set<() => void>()
  let gone = false
  const timer = setTimeout(leave, timeoutMs)
  const forget = asker.onGone(leave)
  function leave(): void {
    gone = true
    clearTimeout(timer)
    for (const listener of listeners) listener()
  }
  return {
    get gone() {
      return gone
    },
    onGone(callback) {
      if (gone) callback()
      else listeners.add(callback)
      return () => void listeners.delete(callback)
    },
    end() {
      clearTimeout(timer)
      forget()
    },
  }
}
