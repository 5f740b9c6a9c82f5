/** Bytes both ways between a caller's socket and an origin's, counted, with backpressure and half-close. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Meter } from '../../core/index.ts'

/** Resolves when both ways have ended; rejects when either broke off or nothing moved for `idleTimeoutMs`. */
export function joinSockets(caller: Duplex, head: Buffer, origin: Socket, meter: Meter, idleTimeoutMs: number): Promise<void> {
  // Broken before it began: neither side would ever hear of it.
  if (caller.destroyed || origin.destroyed) {
    caller.destroy()
    origin.destroy()
    return Promise.reject(origin.errored ?? new Error('a side was gone before the tunnel began'))
  }
  if (head.byteLength > 0) {
    meter.sent(head.byteLength)
    origin.write(head)
  }
  return new Promise((resolve, reject) => {
    let failure: Error | null = null
    let open = 2
    const end = (error?: Error | null) => {
      failure ??= error ?? null
      if (failure !== null) {
        caller.destroy()
        origin.destroy()
      }
    }
    const closed = () => {
      open -= 1
      // One side gone for good: what it still owed the other cannot come any more.
      if (open === 1) for (const side of [caller, origin]) if (!side.destroyed && side.readableEnded) side.end()
      if (open > 0) return
      if (failure === null) resolve()
      else reject(failure)
    }
    origin.setTimeout(idleTimeoutMs, () => end(new Error(`nothing moved for ${idleTimeoutMs} ms`)))
    relay(caller, origin, (bytes) => meter.sent(bytes))
    relay(origin, caller, (bytes) => meter.received(bytes))
    for (const side of [caller, origin]) {
      side.on('error', end)
      side.once('close', closed)
    }
    // A side destroyed without `end` must take the other with it.
    caller.once('close', () => (caller.readableEnded ? undefined : origin.destroy()))
    origin.once('close', () => (origin.readableEnded ? undefined : caller.destroy()))
  })
}

function relay(from: Duplex, to: Duplex, count: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.byteLength)
    if (!to.write(chunk)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  })
  // It may have ended while the destination was dialled.
  if (from.readableEnded) to.end()
  else from.once('end', () => to.end())
}
