/** Sends what the buffer holds, chunk after chunk, for as long as the server takes it; then waits. */
import type { Server } from '../bundles/index.ts'
import { type Backoff, createBackoff } from '../core/index.ts'
import { type Chunk, createPacker } from './chunks.ts'
import type { EventBuffer } from './event-buffer.ts'
import { between, createPause, type PostResult, post } from './post.ts'
import { shortenWritten } from './shorten.ts'

export interface UploaderOptions {
  readonly server: Server
  /** Below the server's URL. */
  readonly resource: string
  readonly buffer: EventBuffer
  readonly maxUploadBytes: number
  /** Between two rounds of uploads; after a failure between tries it is the most. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly onSent: (events: number) => void
  /** These were given up. */
  readonly onLost: (why: 'too-large' | 'refused', events: number) => void
  /** After each try. */
  readonly onResult: (result: PostResult) => void
}

export interface Uploader {
  /** There is much to send: the wait between two rounds ends; one after a failure does not. */
  nudge(): void
  /** Tries to send what is left within this time; gives how many events are not sent. */
  close(flushMs: number): Promise<number>
}

/** As OPA has it. */
const firstRetryMs = 100

export function createUploader(options: UploaderOptions): Uploader {
  const { server, resource, buffer, maxUploadBytes, minDelayMs, maxDelayMs, onSent, onLost, onResult } = options
  const packer = createPacker(buffer, maxUploadBytes, () => onLost('too-large', 1), shortenWritten)
  const backoff: Backoff = createBackoff({ minMs: Math.min(firstRetryMs, maxDelayMs), maxMs: maxDelayMs })
  const pause = createPause()
  const stop = new AbortController()
  let chunk: Chunk | null = null
  let failing = false
  let closing = false

  const held = () => chunk?.events ?? 0

  /** `false`: the server did not take a chunk, which is kept for the next try. */
  async function sendAll(): Promise<boolean> {
    for (;;) {
      chunk ??= await packer.next()
      if (chunk === null) return true
      const result = await post(server, { path: resource, body: chunk.body, encoding: 'gzip', signal: stop.signal })
      // Shutting down is not a failure of the server.
      if (!stop.signal.aborted) onResult(result)
      if (result.outcome === 'failed') return false
      if (result.outcome === 'taken') onSent(chunk.events)
      else onLost('refused', chunk.events)
      chunk = null
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      failing = !(await sendAll().catch(unpacked))
      if (closing && !failing) return
      if (!failing) backoff.reset()
      await pause.wait(failing ? backoff.next() : between(minDelayMs, maxDelayMs))
    }
  }

  /** What could not be packed is gone; the rest is not, and the gateway does not end for it. */
  function unpacked(error: Error): boolean {
    onResult({ outcome: 'failed', problem: `events cannot be packed: ${error.message}`, status: null })
    return false
  }

  const running = run()

  return {
    nudge() {
      if (!failing) pause.wake()
    },
    async close(flushMs) {
      closing = true
      backoff.reset()
      const timer = setTimeout(() => {
        stop.abort()
        pause.wake()
      }, flushMs)
      pause.wake()
      await running
      clearTimeout(timer)
      return buffer.count + held()
    },
  }
}
