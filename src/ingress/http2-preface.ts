/** HTTP/2 without TLS, by prior knowledge (RFC 9113 §3.3): such a connection begins with bytes that no request of HTTP/1.1 begins with. */
import type { Socket } from 'node:net'

/** RFC 9113 §3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Every client sends it in one piece. */
export function beginsHttp2(first: Buffer): boolean {
  return first.byteLength >= preface.byteLength && first.subarray(0, preface.byteLength).equals(preface)
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
  socket.once('data', (first: Buffer) => {
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
      reader.call(socket, first)
    }
  })
}
