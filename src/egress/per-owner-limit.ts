/** Limits how many run at once per owner; the rest of that owner's wait in line, and other owners do not wait behind them. */

export interface PerOwnerLimit {
  /** Resolves when it is this caller's turn; rejects with the signal's reason when the caller gives up before. */
  take(owner: string, signal: AbortSignal): Promise<void>
  /** Gives back a turn that was taken. */
  give(owner: string): void
}

interface Line {
  taken: number
  /** In order of arrival. */
  readonly waiting: Set<() => void>
}

export function createPerOwnerLimit(perOwner: number): PerOwnerLimit {
  const lines = new Map<string, Line>()

  return {
    async take(owner, signal) {
      const line = lines.get(owner) ?? { taken: 0, waiting: new Set<() => void>() }
      lines.set(owner, line)
      if (line.taken < perOwner) {
        line.taken += 1
        return
      }
      await new Promise<void>((resolve, reject) => {
        const called = () => {
          signal.removeEventListener('abort', stop)
          resolve()
        }
        const stop = () => {
          line.waiting.delete(called)
          reject(signal.reason)
        }
        if (signal.aborted) return reject(signal.reason)
        line.waiting.add(called)
        signal.addEventListener('abort', stop, { once: true })
      })
    },
    give(owner) {
      const line = lines.get(owner)
      if (line === undefined) return
      const [next] = line.waiting
      if (next !== undefined) {
        // The turn goes from hand to hand.
        line.waiting.delete(next)
        next()
        return
      }
      line.taken -= 1
      if (line.taken === 0) lines.delete(owner)
    },
  }
}
