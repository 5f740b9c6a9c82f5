/** A wait that can be cut short. */

export interface Pause {
  /** Resolves after `ms`, or as soon as it is woken; at once where that was asked for since the last wait. */
  wait(ms: number): Promise<void>
  wake(): void
}

export function createPause(): Pause {
  let resolve: (() => void) | null = null
  let woken = false
  return {
    async wait(ms) {
      if (!woken) {
        const { promise, resolve: end } = Promise.withResolvers<void>()
        resolve = end
        // Not what keeps the process alive.
        const timer = setTimeout(end, ms).unref()
        await promise
        clearTimeout(timer)
      }
      resolve = null
      woken = false
    },
    wake() {
      woken = true
      resolve?.()
    },
  }
}

/** Anywhere between the two, so that a fleet does not report in step. */
export function between(minMs: number, maxMs: number): number {
  return minMs + Math.random() * (maxMs - minMs)
}
