/** A queue per integration for something scarce, served in turns: one integration's long queue does not delay another. */
import { type Hangup, Refusal } from '../core/index.ts'

export interface FairQueue {
  /**
   * Runs `work` when it is the owner's turn, and resolves as it does. If the caller leaves before (`hangup`), `work` is not begun:
   * `Refusal('client-closed')` is thrown at once.
   */
  run<T>(owner: string, work: () => Promise<T>, hangup?: Hangup): Promise<T>
}

interface Line {
  running: number
  readonly waiting: (() => void)[]
}

/** `places`: how much may run at the same time; `perOwner`: how much of it one owner may have, so that its hanging work leaves a place for others. */
export function createFairQueue({ places, perOwner }: { readonly places: number; readonly perOwner: number }): FairQueue {
  // Ordered by whose turn is next.
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

  function wait(owner: string, line: Line, hangup: Hangup | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        forget?.()
        resolve()
      }
      line.waiting.push(start)
      const forget = hangup?.onGone(() => {
        line.waiting.splice(line.waiting.indexOf(start), 1)
        if (line.running === 0 && line.waiting.length === 0) lines.delete(owner)
        reject(left())
      })
    })
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
    async run(owner, work, hangup) {
      if (hangup?.gone === true) throw left()
      const line = lineOf(owner)
      if (running < places && line.running < perOwner) {
        line.running += 1
        running += 1
      } else await wait(owner, line, hangup)
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

function left(): Refusal {
  return new Refusal('client-closed', 'the caller went away')
}
