/** A connection whose caller waits for us to say something first: what it sends meanwhile is kept, and its hang-up is heard. */
import type { Duplex } from 'node:stream'
import type { Hangup } from '../core/index.ts'
import { createCallerLine } from './hangup.ts'

export interface HeldOpen {
  readonly hangup: Hangup
  /** What was kept is what the connection brings next. To be called once. */
  giveBack(): void
}

/** Of a caller that has to wait for us; beyond it the connection is not read, and only its end by us is noticed. */
const maxKeptBytes = 64 * 1024

/** `first`: what has been read from it already. Its reader has paused it. */
export function holdOpen(socket: Duplex, first: Buffer): HeldOpen {
  const kept = [first]
  const { hangup, leave } = createCallerLine(socket.destroyed || socket.readableEnded)
  let bytes = 0
  function keep(chunk: Buffer): void {
    kept.push(chunk)
    bytes += chunk.byteLength
    if (bytes > maxKeptBytes) socket.pause()
  }
  socket.on('data', keep).on('end', leave).on('close', leave)
  socket.resume()
  return {
    hangup,
    giveBack() {
      socket.off('data', keep).off('end', leave).off('close', leave)
      socket.pause()
      if (!hangup.gone) socket.unshift(Buffer.concat(kept))
    },
  }
}
