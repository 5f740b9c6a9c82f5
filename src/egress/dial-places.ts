/** Places for connections to origins: an integration has a share of them, its idle connections give way to its new ones, and a dial that no request waits for is given up. */

import type { Hangup } from '../core/index.ts'
import { unlessAborted } from './deadline.ts'

export interface DialPlaces {
  /** Resolves with `false` where the owner has its share, and none of it is idle. Rejects with the signal's reason. */
  enter(owner: string, signal: AbortSignal): Promise<boolean>
  /** Takes one more place, if one is free now. */
  take(owner: string): boolean
  /** Gives back a place that was entered or taken. */
  give(owner: string): void
}

export interface DialPlacesOptions {
  readonly take: (owner: string) => boolean
  readonly give: (owner: string) => void
  /** Closes the owner's connections that wait for their next request, and answers how many these are. */
  readonly giveUpIdle: (owner: string) => number
}

/** Per owner: connections that are closing, and the waiters for them, in order. */
interface Line {
  closing: number
  readonly waiting: (() => void)[]
}

export function createDialPlaces({ take, give, giveUpIdle }: DialPlacesOptions): DialPlaces {
  const lines = new Map<string, Line>()

  return {
    take,
    async enter(owner, signal) {
      while (!take(owner)) {
        const line = lines.get(owner) ?? { closing: 0, waiting: [] }
        if (line.waiting.length >= line.closing) line.closing += giveUpIdle(owner)
        if (line.waiting.length >= line.closing) return false
        lines.set(owner, line)
        // A waiter that gave up is called as well; the next one is called by the next connection that closes.
        await unlessAborted(new Promise<void>((resolve) => line.waiting.push(resolve)), signal)
      }
      return true
    },
    give(owner) {
      give(owner)
      const line = lines.get(owner)
      if (line === undefined) return
      line.closing -= 1
      line.waiting.shift()?.()
      if (line.closing > 0) return
      lines.delete(owner)
      // Dials that still wait find out that no place becomes free.
      for (const call of line.waiting) call()
    },
  }
}

/** For those who need no share: the operator's own, and tests of something else. */
export const unlimitedPlaces: DialPlaces = { enter: async () => true, take: () => true, give: () => {} }

export class WantedDials implements Hangup {
  /** No caller that was there when a dial began has left yet. */
  readonly gone = false
  readonly #stops = new Set<() => void>()
  #waiting = 0

  onGone(stop: () => void): () => void {
    this.#stops.add(stop)
    return () => this.#stops.delete(stop)
  }

  /** One more request waits for a connection. */
  enter(): void {
    this.#waiting += 1
  }

  /** The request has a connection, or has given up. */
  leave(): void {
    this.#waiting -= 1
    if (this.#waiting > 0) return
    for (const stop of [...this.#stops]) stop()
  }
}
