/** HTTP/2 without TLS, by prior knowledge (RFC 9113 §3.3): such a connection begins with bytes that no request of HTTP/1.1 begins with. */
import type { Socket } from 'node:net'

/** RFC 9113 §3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export function beginsHttp2(first: Buffer): boolean {
  return first.byteLength >= preface.byteLength && first.subarray(0, preface.byteLength).equals(preface)
}

/** The network may cut it. `PRI` is kept from being a method of HTTP/1.1 (RFC 9113 §11.1); a shorter beginning may be that of `POST`. */
function mayBeginHttp2(first: Buffer): boolean {
  const { byteLength } = first
  return byteLength >= 3 && byteLength < preface.byteLength && first.equals(preface.subarray(0, byteLength))
}

/** What Node keeps of a connection that it reads HTTP/1.1 from. */
interface Parsed {
  /** Takes it off the list of those that are cut if no head arrives in time. */
  remove?: () => void
}

/**
 * Gives a connection to `take`, as if nothing had been read of it, if it begins so. Otherwise Node's server reads it. To be called once
 * that server listens to it.
 */
export function divertHttp2(socket: Socket & { parser?: Parsed | null }, take: (socket: Socket) => void): void {
  const readers = socket.listeners('data') as ((chunk: Buffer) => void)[]
  for (const reader of readers) socket.off('data', reader)
  let first: Buffer = Buffer.alloc(0)
  const decide = () => {
    socket.off('data', look)
    socket.off('end', decide)
    if (beginsHttp2(first)) {
      socket.parser?.remove?.()
      socket.setTimeout(0)
      socket.pause()
      socket.unshift(first)
      take(socket)
      return
    }
    for (const reader of readers) {
      socket.on('data', reader)
      if (first.byteLength > 0) reader.call(socket, first)
    }
  }
  const look = (chunk: Buffer) => {
    first = first.byteLength === 0 ? chunk : Buffer.concat([first, chunk])
    if (!mayBeginHttp2(first)) decide()
  }
  socket.on('data', look)
  // Before Node's server hears of it.
  socket.prependListener('end', decide)
}
