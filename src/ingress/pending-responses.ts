/** Which responses of each connection are not finished. Pipelined requests are answered in their order. */
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
