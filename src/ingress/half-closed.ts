/**
 * A caller that has ended its side may be waiting for its reply, or may have gone: TCP says the same of both. It gets the
 * reply; and where that is long in coming, a `102 Processing` (RFC 9110 §15.2, every client passes over it) finds out whether
 * somebody is there, since a connection that was closed whole answers with a reset.
 */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A reset is noticed only by the next write, so each question is asked twice. */
const firstMs = 1000
const secondMs = 500
const againMs = 15_000

/** `pending`: the replies that the connection owes, oldest first. To be called when its caller has ended. */
export function watchHalfClosed(socket: Duplex, pending: () => readonly ServerResponse[]): void {
  let asked = 0
  let written = 0
  const look = () => {
    const [reply] = pending()
    if (reply === undefined || socket.destroyed) return
    if (reply.headersSent) {
      // A stream in which nothing moves cannot be asked; one who left it would hold it until the origin's own deadline.
      if (asked > 1 && (reply.socket?.bytesWritten ?? 0) === written) return void socket.destroy()
      written = reply.socket?.bytesWritten ?? 0
    } else if (reply.req.complete && reply.req.httpVersion === '1.1') reply.writeProcessing()
    asked += 1
    timer = setTimeout(look, asked % 2 === 1 ? secondMs : againMs)
  }
  let timer = setTimeout(look, firstMs)
  socket.once('close', () => clearTimeout(timer))
}
