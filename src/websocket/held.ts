/** Bytes of one direction that may not pass at once: they are looked at, their bucket is empty, or it is not yet their messages' turn. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Slowed } from '../core/index.ts'
import type { Direction } from './bounds.ts'

export interface Held {
  /** A promise: they are looked at first, and what it gives may pass. */
  readonly given: Buffer | Promise<Buffer>
  /** Their bucket is empty; of bytes that are looked at, it is asked afterwards. */
  readonly slowed: Slowed | null
  /** A `Meter.sent` or `Meter.received`. */
  readonly count: (bytes: number) => Slowed | null
  /** For their messages. */
  readonly waitMs: number
}

/** `null`: the chunk may pass at once. Throws what ends the WebSocket. */
export function hold(direction: Direction | null, chunk: Buffer, count: Held['count']): Held | null {
  const waitMs = direction?.check(chunk) ?? 0
  const released = direction?.released(chunk) ?? null
  const slowed = released === null ? count(chunk.byteLength) : null
  return slowed === null && released === null && waitMs === 0 ? null : { given: released ?? chunk, slowed, count, waitMs }
}

/** What may pass of it, in slices where a bucket slows it. An Error: what ends the WebSocket. `signal` ends the wait. */
export async function release(
  { given, slowed, count, waitMs }: Held,
  signal: AbortSignal,
): Promise<readonly [Buffer, Slowed | null] | Error> {
  try {
    const chunk = await given
    const byBytes = given instanceof Promise && chunk.byteLength > 0 ? count(chunk.byteLength) : slowed
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {})
    return [chunk, byBytes]
  } catch (error) {
    return error as Error
  }
}
