/** Bytes both ways between a caller's socket and an origin's, counted, with backpressure; each half ends on its own and has a deadline. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Meter } from '../../core/index.ts'

/**
 * Resolves when both sides have said all and been told all. Rejects when either broke off, bytes of the other were lost
 * with it, or nothing moved for `idleTimeoutMs`, whichever halves are still open.
 */
export function joinSockets(caller: Duplex, head: Buffer, origin: Socket, meter: Meter, idleTimeoutMs: number): Promise<void> {
  // The door's own timer knows of no tunnel.
  if ('setTimeout' in caller) (caller as Socket).setTimeout(0)
  return new Promise((resolve, reject) => {
    let halves = 2
    let over = false
    const fail = (error: Error) => {
      if (over) return
      over = true
      clearTimeout(timer)
      caller.destroy()
      origin.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(new Error(`nothing moved for ${idleTimeoutMs} ms`)), idleTimeoutMs)
    const moved = () => void timer.refresh()
    const halfDone = () => {
      halves -= 1
      if (halves > 0 || over) return
      over = true
      clearTimeout(timer)
      caller.destroy()
      origin.destroy()
      resolve()
    }
    for (const [side, other] of [
      [caller, origin],
      [origin, caller],
    ] as const) {
      side.on('error', fail)
      // Closed before it had said all or been told all. What it had said goes on to the other all the same.
      side.once('close', () => {
        if (!side.readableEnded || (!side.writableFinished && other.readableLength > 0)) fail(side.errored ?? new Error('a side broke off'))
      })
    }
    // Broken before it began: neither side would ever hear of it.
    if (caller.destroyed || origin.destroyed) return fail(origin.errored ?? new Error('a side was gone before the tunnel began'))
    const sent = (bytes: number) => meter.sent(bytes)
    if (head.byteLength > 0) {
      sent(head.byteLength)
      origin.write(head)
    }
    relay(caller, origin, sent, moved, halfDone)
    relay(origin, caller, (bytes) => meter.received(bytes), moved, halfDone)
  })
}

/** `done`: the one has ended, and all that it said is with the other. */
function relay(from: Duplex, to: Duplex, count: (bytes: number) => void, moved: () => void, done: () => void): void {
  from.on('data', (chunk: Buffer) => {
    count(chunk.byteLength)
    moved()
    if (!to.write(chunk)) {
      from.pause()
      to.once('drain', () => {
        moved()
        from.resume()
      })
    }
  })
  to.once('finish', done)
  // It may have ended while the destination was dialled.
  if (from.readableEnded) to.end()
  else from.once('end', () => to.end())
}
