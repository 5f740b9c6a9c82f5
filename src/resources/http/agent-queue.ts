/** What Node's Agent holds: connections that are idle, and requests that wait for one. */
import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'

/** Connections that wait for their next request. */
export function freeSocketsOf({ freeSockets }: Agent): readonly Duplex[] {
  return Object.values(freeSockets).flatMap((sockets) => (sockets ?? []).filter((socket) => !socket.destroyed))
}

/**
 * For a destroyed request: if it waits for a connection, Node keeps it, and its body, until there is one, and only then emits
 * `close`. This emits it at once.
 */
export function forgetPending({ requests }: Agent, outgoing: ClientRequest): void {
  const queues = requests as Record<string, ClientRequest[] | undefined>
  for (const [name, pending = []] of Object.entries(queues)) {
    const index = pending.indexOf(outgoing)
    if (index < 0) continue
    pending.splice(index, 1)
    if (pending.length === 0) delete queues[name]
    ;(outgoing as unknown as { onSocket(socket: null): void }).onSocket(null)
  }
}
