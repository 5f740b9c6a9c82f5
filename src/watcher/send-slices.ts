/** Sends what was counted to the process that watches, part by part; where that is behind, the next slice is longer, and in the end parts are dropped. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Slice } from '../watch/index.ts'

export interface SenderOptions {
  /** What was counted since the last time. */
  readonly cut: () => Iterable<Slice>
  /** `false`: the process is not there, or too far behind. */
  readonly take: (slice: Slice) => boolean
  readonly onDropped: (slices: number) => void
  /** How long one round waits for the process; 5 s where absent. */
  readonly patienceMs?: number
}

export interface Sender {
  /** Does nothing while a round is under way: what is counted meanwhile is in the next. Never rejects. */
  send(): Promise<void>
  /** Parts that were sent since the start. */
  taken(): number
}

/** Starting the process anew, or writing its store, takes less. */
const usualPatienceMs = 5000
const pollMs = 10

export function createSender({ cut, take, onDropped, patienceMs = usualPatienceMs }: SenderOptions): Sender {
  let isSending = false
  let taken = 0

  async function isTaken(slice: Slice, until: number): Promise<boolean> {
    while (!take(slice)) {
      if (performance.now() >= until) return false
      await sleep(pollMs, undefined, { ref: false })
    }
    return true
  }

  async function sendAll(): Promise<void> {
    const until = performance.now() + patienceMs
    for (const slice of cut()) {
      if (await isTaken(slice, until)) taken += 1
      else onDropped(1)
      // Requests have their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  return {
    async send() {
      if (isSending) return
      isSending = true
      try {
        await sendAll()
      } finally {
        isSending = false
      }
    },
    taken: () => taken,
  }
}
