/** Makes a `Hangup`: what waits for a caller learns, once, that it has left. */
import type { Hangup } from '../core/index.ts'

export interface CallerLine {
  readonly hangup: Hangup
  /** The caller has left: calls every callback once, and later ones at once. */
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
