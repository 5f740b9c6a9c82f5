/** Makes a `Hangup`, by which what waits for a caller learns, once, that it has left: of a connection, or of a wait with a deadline. */
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

export interface Deadline {
  readonly hangup: Hangup
  /** Ends the wait before its time. */
  hangUp(): void
  /** Call it when the wait is over. */
  end(): void
}

/** It also hangs up when `asker` does. */
export function createDeadline(timeoutMs: number, asker: Hangup): Deadline {
  const { hangup, leave } = createCallerLine()
  const timer = setTimeout(leave, timeoutMs)
  const hangUp = () => {
    clearTimeout(timer)
    leave()
  }
  const forget = asker.onGone(hangUp)
  return {
    hangup,
    hangUp,
    end() {
      clearTimeout(timer)
      forget()
    },
  }
}
