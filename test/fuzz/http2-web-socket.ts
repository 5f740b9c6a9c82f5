/** A hostile WebSocket on a stream of HTTP/2 (RFC 8441), of a session of its own. */
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { connectionBelow } from '../support/tunnel.ts'

export interface Talk {
  readonly frames: readonly Buffer[]
  /** They are sent before the handshake is answered. */
  readonly isEarly: boolean
  /** After the last frame the caller leaves. */
  readonly waitMs: number
  /** It leaves by resetting its stream; the session goes on and is closed. */
  readonly resets: boolean
}

/** `socket`: open, and of the session alone. Resolves when it has closed. */
export function talkOverHttp2(socket: Socket, authority: string, headers: OutgoingHttpHeaders, talk: Talk): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const below = connectionBelow(socket)
  const session = connect(authority, { createConnection: () => socket }).on('error', () => {})
  const cut = () => {
    session.destroy()
    socket.destroy()
    below.destroy()
  }
  const patience = setTimeout(cut, 400)
  below.once('close', () => {
    clearTimeout(patience)
    resolve()
  })
  socket.on('error', () => {})
  if (below.destroyed) cut()
  if (below.closed) resolve()
  // Before that, Node does not know that the protocol of a CONNECT may be said (RFC 8441 §3).
  session.once('remoteSettings', () => send(session, headers, talk, cut))
  return promise
}

function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, { frames, isEarly, waitMs, resets }: Talk, cut: () => void): void {
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13', ...headers })
  const leave = () => {
    if (!resets) return cut()
    stream.close(8)
    session.close()
  }
  const write = () => {
    for (const frame of frames) if (stream.writable) stream.write(frame)
    setTimeout(leave, waitMs)
  }
  stream.on('error', () => {}).on('data', () => {})
  stream.once('response', () => isEarly || write())
  if (isEarly) write()
}
