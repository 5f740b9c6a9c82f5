/**
 * The end of a connection whose caller may still be sending: the gateway ends its side, and reads and discards what still comes for
 * a while. If it closed at once, the kernel would send a reset, and the caller would lose a reply that it has not read yet (RFC 9112 §9.6).
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface LingerBounds {
  /** How long it may take in all; a sixth of that without a byte ends it as well. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** `rest`: the request whose body has not arrived completely; `null` if the bytes belong to no request. */
export function linger(socket: Socket, rest: IncomingMessage | null, { timeoutMs, maxBytes }: LingerBounds): void {
  // Its close event has come, or will come to other listeners: there is nothing left to end.
  if (socket.destroyed) return
  const until = performance.now() + timeoutMs
  const quietMs = timeoutMs / 6
  const firstBytes = socket.bytesRead
  let lastBytes = firstBytes
  let quietUntil = performance.now() + quietMs
  const watch = setInterval(
    () => {
      const now = performance.now()
      if (socket.bytesRead > lastBytes) quietUntil = now + quietMs
      lastBytes = socket.bytesRead
      if (now > until || now > quietUntil || lastBytes - firstBytes > maxBytes) socket.destroy()
    },
    Math.min(quietMs, 250),
  )
  /** The caller has ended: the reply may still be on its way. */
  const ended = () => {
    if (socket.writableFinished) socket.destroy()
    else socket.once('finish', () => socket.destroy())
  }
  socket.once('close', () => clearInterval(watch))
  socket.once('end', ended)
  rest?.once('end', ended)
  socket.end()
  rest?.removeAllListeners('data')
  rest?.resume()
  socket.resume()
}

/** Ends the socket by its server's own `destroySoon`, once what was written is sent, and within a deadline. */
export function endSoon(socket: Duplex): void {
  if ('destroySoon' in socket) (socket as Socket).destroySoon()
  else socket.end(() => socket.destroy())
}
