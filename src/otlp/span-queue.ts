/** Spans on their way to the collector: bounded, shared out among integrations, sent in batches. A request waits for none of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createFairMemory } from '../shares/index.ts'
import { type Collector, Refused, Throttled } from './export.ts'
import { SpanBatch } from './span-batch.ts'

export interface SpanQueueOptions {
  readonly collector: Pick<Collector, 'take'>
  readonly maxBytes: number
  readonly intervalMs: number
  /** The whole request to the collector. */
  readonly bodyOf: (spans: Buffer) => Buffer
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

const minPauseMs = 100
const maxPauseMs = 30_000

export function createSpanQueue({ collector, maxBytes, intervalMs, bodyOf, onEnd, onProblem }: SpanQueueOptions): SpanQueue {
  const memory = createFairMemory(maxBytes)
  const stop = new AbortController()
  const full: SpanBatch[] = []
  let filling: SpanBatch | null = null
  /** Ends the pause that there is. */
  let wake = () => {}
  let closing = false
  let isFailing = false

  function put(owner: string, text: string): boolean {
    // Most of it is ASCII.
    if (closing || !memory.take(owner, text.length)) {
      onEnd('dropped', 1)
      return false
    }
    filling ??= new SpanBatch(text.length)
    if (filling.add(owner, text)) return true
    full.push(filling)
    filling = new SpanBatch(text.length)
    filling.add(owner, text)
    if (!isFailing) wake()
    return true
  }

  function next(): SpanBatch | null {
    const batch = full.shift() ?? filling
    if (batch === filling) filling = null
    return batch
  }

  async function pause(ms: number): Promise<void> {
    const early = new AbortController()
    wake = () => early.abort()
    await sleep(ms, undefined, { ref: false, signal: early.signal }).catch(() => {})
  }

  async function deliver({ content, requests }: SpanBatch): Promise<void> {
    const body = bodyOf(content)
    for (let pauseMs = minPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      try {
        const refused = await collector.take('traces', body, stop.signal)
        if (isFailing) onProblem(null)
        isFailing = false
        if (refused > 0) onProblem(`the collector has refused ${refused} spans`)
        return onEnd('exported', requests)
      } catch (error) {
        if (error instanceof Refused || stop.signal.aborted) {
          if (error instanceof Refused) onProblem(error.message)
          return onEnd(error instanceof Refused ? 'refused' : 'dropped', requests)
        }
        if (!isFailing) onProblem((error as Error).message)
        isFailing = true
        await pause(error instanceof Throttled ? error.afterMs : pauseMs)
      }
    }
  }

  async function run(): Promise<void> {
    while (!closing || full.length > 0 || filling !== null) {
      if (!closing && full.length === 0) await pause(intervalMs)
      for (let batch = next(); batch !== null; batch = next()) {
        await deliver(batch)
        for (const [owner, characters] of batch.owners) memory.give(owner, characters)
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
