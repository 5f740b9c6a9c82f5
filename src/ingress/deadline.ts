/** A caller that waits for a given time and then hangs up. */
import type { Hangup } from '../core/index.ts'
import { createCallerLine } from './hangup.ts'

export interface Deadline {
  readonly hangup: Hangup
  /** Nothing waits any more. */
  end(): void
}

/** `asker`: it hangs up as well when that does. */
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
