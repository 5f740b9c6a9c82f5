/** Spans on their way to the collector: bounded, shared out among integrations, sent in batches. A request waits for none of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createFairMemory } from '../shares/index.ts'
import { type Collector, Refused, Throttled } from './export.ts'

export interface SpanQueueOptions {
  readonly collector: Pick<Collector, 'take'>
  readonly maxBytes: number
  readonly intervalMs: number
  /** The whole request to the collector. */
  readonly bodyOf: (spans: readonly string[]) => string
  /** Spans of so many requests were taken, or lost. */
  readonly onEnd: (outcome: 'exported' | 'dropped' | 'refused', requests: number) => void
  /** `null`: the collector takes spans again. */
  readonly onProblem: (problem: string | null) => void
}

export interface SpanQueue {
  /** Spans of one request; `false` where they have no room. */
  put(owner: string, text: string): boolean
  /** What waits is sent if that can be done within this time. Never rejects. */
  close(withinMs: number): Promise<void>
}

interface Waiting {
  readonly owner: string
  readonly text: string
}

const batchBytes = 512 * 1024
const minPauseMs = 100
const maxPauseMs = 30_000

export function createSpanQueue({ collector, maxBytes, intervalMs, bodyOf, onEnd, onProblem }: SpanQueueOptions): SpanQueue {
  const memory = createFairMemory(maxBytes)
  const stop = new AbortController()
  let waiting: Waiting[] = []
  let waitingBytes = 0
  /** Ends the pause that there is. */
  let wake = () => {}
  let closing = false
  let isFailing = false

  function put(owner: string, text: string): boolean {
    // Most of it is ASCII, of which V8 keeps a byte per character.
    if (closing || !memory.take(owner, text.length)) {
      onEnd('dropped', 1)
      return false
    }
    waiting.push({ owner, text })
    waitingBytes += text.length
    if (waitingBytes >= batchBytes && !isFailing) wake()
    return true
  }

  function takeBatch(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    while (count < waiting.length && bytes < batchBytes) {
      bytes += waiting[count]?.text.length ?? 0
      count += 1
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    waitingBytes -= bytes
    return batch
  }

  async function pause(ms: number): Promise<void> {
    const early = new AbortController()
    wake = () => early.abort()
    await sleep(ms, undefined, { ref: false, signal: early.signal }).catch(() => {})
  }

  async function deliver(batch: readonly Waiting[]): Promise<void> {
    const body = bodyOf(batch.map(({ text }) => text))
    for (let pauseMs = minPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      try {
        const refused = await collector.take('traces', body, stop.signal)
        if (isFailing) onProblem(null)
        isFailing = false
        if (refused > 0) onProblem(`the collector has refused ${refused} spans`)
        return onEnd('exported', batch.length)
      } catch (error) {
        if (error instanceof Refused || stop.signal.aborted) {
          if (error instanceof Refused) onProblem(error.message)
          return onEnd(error instanceof Refused ? 'refused' : 'dropped', batch.length)
        }
        if (!isFailing) onProblem((error as Error).message)
        isFailing = true
        await pause(error instanceof Throttled ? error.afterMs : pauseMs)
      }
    }
  }

  async function run(): Promise<void> {
    while (!closing || waiting.length > 0) {
      if (!closing && waitingBytes < batchBytes) await pause(intervalMs)
      while (waiting.length > 0) {
        const batch = takeBatch()
        await deliver(batch)
        for (const { owner, text } of batch) memory.give(owner, text.length)
      }
    }
  }

  const ended = run()
  return {
    put,
    async close(withinMs) {
      closing = true
      wake()
      const timer = setTimeout(() => {
        stop.abort()
        wake()
      }, withinMs)
      await ended
      clearTimeout(timer)
    },
  }
}
