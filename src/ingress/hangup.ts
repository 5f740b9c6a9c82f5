/** A caller's line as the path sees it: who waits on it hears once that nobody listens any more. */
import type { Hangup } from '../core/index.ts'

export interface CallerLine {
  readonly hangup: Hangup
  /** Told once to everybody who waits, and at once to who asks later. */
  leave(): void
}

export function createCallerLine(hasLeft = false): CallerLine {
  const callbacks = new Set<() => void>()
  let gone = hasLeft
  return {
    hangup: {
      get gone() {
        return gone
      },
      onGone(callback) {
        if (gone) callback()
        else callbacks.add(callback)
        return () => void callbacks.delete(callback)
      },
    },
    leave() {
      gone = true
      for (const callback of [...callbacks]) callback()
      callbacks.clear()
    },
  }
}
