/**
 * The end of a connection whose caller may still be sending: the gateway ends its side, and reads and discards what still comes for
 * a while. If it closed at once, the kernel would send a reset, and the caller would lose a reply that it has not read yet (RFC 9112 §9.6).
 */
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface LingerBounds {
  /** How long it may take in all; a sixth of that without a byte ends it as well. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** `rest`: the request whose body has not arrived completely; `null` if the bytes belong to no request. */
export function linger(socket: Socket, rest: IncomingMessage | null, bounds: LingerBounds): void {
  // Its close event has come, or will come to other listeners: there is nothing left to end.
  if (socket.destroyed) return
  const watch = watchRest(
    () => socket.bytesRead,
    () => socket.destroy(),
    bounds,
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

/**
 * The end of a stream of HTTP/2 whose caller may still be sending: its window stays open for a while, until `end` is called. RFC 9113 §8.1 allows a reset
 * instead, after which some clients never read the reply that they have.
 */
export function lingerOnStream(stream: ServerHttp2Stream, bounds: LingerBounds, end: () => void): void {
  let bytes = 0
  const watch = watchRest(() => bytes, end, bounds)
  stream.once('close', () => clearInterval(watch))
  stream.removeAllListeners('data')
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
    if (bytes > bounds.maxBytes) end()
  })
  stream.resume()
}

/** Calls `end` once a bound is passed. */
function watchRest(bytesRead: () => number, end: () => void, { timeoutMs, maxBytes }: LingerBounds): NodeJS.Timeout {
  const until = performance.now() + timeoutMs
  const quietMs = timeoutMs / 6
  const firstBytes = bytesRead()
  let lastBytes = firstBytes
  let quietUntil = performance.now() + quietMs
  return setInterval(
    () => {
      const now = performance.now()
      const bytes = bytesRead()
      if (bytes > lastBytes) quietUntil = now + quietMs
      lastBytes = bytes
      if (now > until || now > quietUntil || bytes - firstBytes > maxBytes) end()
    },
    Math.min(quietMs, 250),
  )
}

/** Ends the socket by its server's own `destroySoon`, once what was written is sent, and within a deadline. */
export function endSoon(socket: Duplex): void {
  if ('destroySoon' in socket) (socket as Socket).destroySoon()
  else socket.end(() => socket.destroy())
}
