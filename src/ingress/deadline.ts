/** A `Hangup` of a caller that waits for a given time. */
import type { Hangup } from '../core/index.ts'
import { createCallerLine } from './hangup.ts'

export interface Deadline {
  readonly hangup: Hangup
  /** Call it when the wait is over. */
  end(): void
}

/** It also hangs up when `asker` does. */
export function createDeadline(timeoutMs: number, asker: Hangup): Deadline {
  const { hangup, leave } = createCallerLine()
  const timer = setTimeout(leave, timeoutMs)
  const forget = asker.onGone(() => {
    clearTimeout(timer)
    leave()
  })
  return {
    hangup,
    end() {
      clearTimeout(timer)
      forget()
    },
  }
}
