/**
 * A caller that has ended its side may be waiting for its reply, or may have left: TCP shows the same for both. It gets the
 * reply. If that takes long, a `102 Processing` (RFC 9110 §15.2, which every client ignores) finds out whether the caller is
 * still there, since a connection that it has closed answers with a reset.
 */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A reset is noticed only by the write after it, so each probe is sent twice. */
const firstMs = 1000
const secondMs = 500
const againMs = 15_000

/** `pending`: the pending responses of the connection, oldest first. Call it when the caller has ended its side. */
export function watchHalfClosed(socket: Duplex, pending: () => readonly ServerResponse[]): void {
  let asked = 0
  let written = 0
  const look = () => {
    const [reply] = pending()
    if (reply === undefined || socket.destroyed) return
    if (reply.headersSent) {
      // A reply that has begun cannot be probed: if it stalls, a caller that left would hold it until the origin's own deadline.
      if (asked > 1 && (reply.socket?.bytesWritten ?? 0) === written) return void socket.destroy()
      written = reply.socket?.bytesWritten ?? 0
    } else if (reply.req.complete && reply.req.httpVersion === '1.1') reply.writeProcessing()
    asked += 1
    timer = setTimeout(look, asked % 2 === 1 ? secondMs : againMs)
  }
  let timer = setTimeout(look, firstMs)
  socket.once('close', () => clearTimeout(timer))
}
