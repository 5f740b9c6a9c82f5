/** Callers of tests that speak to a part of the gateway directly. */
import type { Hangup } from '../../src/core/index.ts'

/** A caller that hangs up when it is told to. */
export function createCaller() {
  const left = new AbortController()
  const hangup: Hangup = {
    get gone() {
      return left.signal.aborted
    },
    onGone(callback) {
      if (left.signal.aborted) callback()
      else left.signal.addEventListener('abort', callback)
      return () => left.signal.removeEventListener('abort', callback)
    },
  }
  return { hangup, leave: () => left.abort() }
}
