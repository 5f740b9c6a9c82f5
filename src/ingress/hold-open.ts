/** A connection whose caller waits until the gateway sends the next bytes: what it sends meanwhile is kept, and its hang-up is noticed. */
import type { Duplex } from 'node:stream'
import type { Hangup } from '../core/index.ts'
import { createCallerLine } from './hangup.ts'

export interface HeldOpen {
  readonly hangup: Hangup
  /** Gives the kept bytes back, so that they are read next. Call it once. */
  giveBack(): void
}

/** Most bytes that are kept. Beyond them the connection is not read, and a hang-up is not noticed. */
const maxKeptBytes = 64 * 1024

/** `first`: bytes that were read from it already, by a reader that has paused it. */
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
