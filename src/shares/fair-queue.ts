/** Turns at something of which there is little, taken by integrations one after the other: a queue of one is not in another's way. */

export interface FairQueue {
  /** Runs `work` when it is the owner's turn; gives what it gives. */
  run<T>(owner: string, work: () => Promise<T>): Promise<T>
}

interface Line {
  running: number
  readonly waiting: (() => void)[]
}

/** `places`: runs at once; `perOwner`: of these, what one owner may have, so that what hangs for one leaves a place for the others. */
export function createFairQueue({ places, perOwner }: { readonly places: number; readonly perOwner: number }): FairQueue {
  // In the order of their next turn.
  const lines = new Map<string, Line>()
  let running = 0

  function lineOf(owner: string): Line {
    let line = lines.get(owner)
    if (line === undefined) {
      line = { running: 0, waiting: [] }
      lines.set(owner, line)
    }
    return line
  }

  function startNext(): void {
    if (running >= places) return
    for (const [owner, line] of lines) {
      if (line.running >= perOwner) continue
      const start = line.waiting.shift()
      if (start === undefined) continue
      line.running += 1
      running += 1
      lines.delete(owner)
      lines.set(owner, line)
      start()
      return
    }
  }

  return {
    async run(owner, work) {
      const line = lineOf(owner)
      if (running < places && line.running < perOwner) {
        line.running += 1
        running += 1
      } else await new Promise<void>((resolve) => line.waiting.push(resolve))
      try {
        return await work()
      } finally {
        line.running -= 1
        running -= 1
        if (line.running === 0 && line.waiting.length === 0) lines.delete(owner)
        startNext()
      }
    },
  }
}
