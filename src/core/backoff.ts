/** How long to wait before the next try: doubling, bounded, and jittered so that a fleet does not return in step. */

export interface Backoff {
  /** Milliseconds; between half of this step and the whole of it. */
  next(): number
  /** After a success. */
  reset(): void
}

export interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
  /** 0 to 1. */
  readonly random?: () => number
}

export function createBackoff({ minMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  let stepMs = minMs
  return {
    next() {
      const waitMs = Math.round(stepMs / 2 + (random() * stepMs) / 2)
      stepMs = Math.min(maxMs, stepMs * 2)
      return waitMs
    },
    reset() {
      stepMs = minMs
    },
  }
}
