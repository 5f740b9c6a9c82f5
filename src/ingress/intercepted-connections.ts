/** Does for intercepted connections what Node does only for those that a server accepts itself: a deadline for each head, and an end to idle ones. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface InterceptedConnections {
  /** Hands the connection to the server, and watches it until it closes. */
  serve(connection: Socket): void
  /** Ends connections without a pending response, and the others after theirs. */
  close(): void
}

interface Watched {
  /** The newest exchange: replies are sent in the order of their requests, so when it has ended all have. */
  latest: { readonly req: IncomingMessage; readonly res: ServerResponse } | null
  /** The connection's `bytesRead` when the newest reply ended; more bytes belong to the next head. `null` where a head is due at once. */
  readBytes: number | null
  /** Since when a head is due; `null` while none is due. Milliseconds, monotonic. */
  dueSince: number | null
  /** It was handed over while the others were being ended: its first request, on its way, is told that the gateway shuts down. */
  readonly isLate: boolean
}

const drainSweepMs = 50
const longestSweepMs = 15_000
/** For the first head of a connection that is late. */
const lateHeadMs = 2000

/** `headersTimeoutMs` is exact to half of itself, or to 15 seconds: one sweep for all connections costs less than one timer per request. */
export function createInterceptedConnections(server: Server, headersTimeoutMs: number): InterceptedConnections {
  const connections = new Map<Socket, Watched>()
  let closing = false
  let sweeping: NodeJS.Timeout | null = null

  function began(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req
    const watched = connections.get(socket)
    if (watched === undefined) return
    watched.latest = { req, res }
    watched.dueSince = null
    res.once('close', () => {
      // The rest of a body may come after its reply, and its end is not known: the next head is due at once.
      if (watched.latest?.res === res) watched.readBytes = req.complete ? socket.bytesRead : null
    })
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.prependListener(event, began)
  // As with Node, what is taken over is no longer watched: a WebSocket owes no head, and its arrival ends it.
  for (const event of ['upgrade', 'connect']) server.prependListener(event, ({ socket }: IncomingMessage) => connections.delete(socket))

  function look(socket: Socket, watched: Watched): void {
    if (isBusy(watched)) return
    const now = performance.now()
    const isAwaited = watched.isLate && watched.latest === null && now - (watched.dueSince ?? 0) < lateHeadMs
    if (closing && !isAwaited) {
      connections.delete(socket)
      // A caller that never closes must not keep the descriptor.
      socket.end(() => socket.destroy())
      return
    }
    if (watched.dueSince === null) {
      if (watched.readBytes === null || socket.bytesRead > watched.readBytes) watched.dueSince = now
    } else if (now - watched.dueSince >= headersTimeoutMs) {
      connections.delete(socket)
      // The error that Node reports where it keeps the deadline itself.
      server.emit('clientError', Object.assign(new Error('no head in time'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
    }
  }

  function sweep(): void {
    for (const [socket, watched] of connections) look(socket, watched)
    if (connections.size === 0) rest()
  }

  function rest(): void {
    if (sweeping !== null) clearInterval(sweeping)
    sweeping = null
  }

  function keepSweeping(): void {
    sweeping ??= setInterval(sweep, closing ? drainSweepMs : Math.min(headersTimeoutMs / 2, longestSweepMs))
  }

  return {
    serve(connection) {
      // As with Node, the first head is due from the beginning: a silent connection is not kept.
      connections.set(connection, { latest: null, readBytes: null, dueSince: performance.now(), isLate: closing })
      connection.once('close', () => {
        connections.delete(connection)
        if (connections.size === 0) rest()
      })
      server.emit('connection', connection)
      keepSweeping()
    },
    close() {
      closing = true
      rest()
      sweep()
      if (connections.size > 0) keepSweeping()
    },
  }
}

function isBusy({ latest }: Watched): boolean {
  return latest !== null && !(latest.res.closed && (latest.req.complete || latest.req.destroyed))
}
