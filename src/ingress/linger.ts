/**
 * The end of a connection whose caller may still be sending: our side ends, and what still comes is read and thrown away for
 * a while. Closed at once, the kernel would answer with a reset, and the caller lose the reply that it has not read yet (RFC 9112 §9.6).
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface LingerBounds {
  /** All of it; a sixth of it without a byte ends it too. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** `rest`: the request whose body is not all in; `null` where what comes belongs to no request. */
export function linger(socket: Socket, rest: IncomingMessage | null, { timeoutMs, maxBytes }: LingerBounds): void {
  // Its close has been told already, or will be to others.
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
  /** Nothing comes any more: what we owe may still be on its way. */
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

/** Ends it as its server has arranged, once what was written is out, and within a deadline. */
export function endSoon(socket: Duplex): void {
  if ('destroySoon' in socket) (socket as Socket).destroySoon()
  else socket.end(() => socket.destroy())
}
