/** A connection whose caller waits for us to say something first: what it sends meanwhile is kept, and its hang-up is heard. */
import type { Duplex } from 'node:stream'
import type { Hangup } from '../core/index.ts'

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
  const callbacks = new Set<() => void>()
  let bytes = 0
  let gone = socket.destroyed || socket.readableEnded
  function keep(chunk: Buffer): void {
    kept.push(chunk)
    bytes += chunk.byteLength
    if (bytes > maxKeptBytes) socket.pause()
  }
  function leave(): void {
    gone = true
    for (const callback of [...callbacks]) callback()
    callbacks.clear()
  }
  socket.on('data', keep).on('end', leave).on('close', leave)
  socket.resume()
  return {
    hangup: {
      get gone() {
        return gone
      },
      onGone(callback) {
        if (gone) callback()
        else callbacks.add(callback)
        return () => void callbacks.delete(callback)
      },
    },
    giveBack() {
      socket.off('data', keep).off('end', leave).off('close', leave)
      socket.pause()
      if (!gone) socket.unshift(Buffer.concat(kept))
    },
  }
}
