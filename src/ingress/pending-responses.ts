/** Which responses of each connection are not finished, and callers that ended their side while they wait for one. Pipelined requests are answered in their order. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

export interface PendingResponses {
  begin(req: IncomingMessage, res: ServerResponse): void
  /** Oldest first; each may close at any time. */
  of(socket: Duplex): readonly ServerResponse[]
  /** The response to the newest request, finished or not. */
  latest(socket: Duplex): ServerResponse | undefined
}

const none: readonly ServerResponse[] = []

export function createPendingResponses(): PendingResponses {
  const begun = new WeakMap<Duplex, readonly ServerResponse[]>()
  function of(socket: Duplex): readonly ServerResponse[] {
    const replies = begun.get(socket) ?? none
    return replies.every(({ closed }) => closed) ? none : replies.filter(({ closed }) => !closed)
  }
  return {
    of,
    latest: (socket) => begun.get(socket)?.at(-1),
    begin: (req, res) => void begun.set(req.socket, [...of(req.socket), res]),
  }
}

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
