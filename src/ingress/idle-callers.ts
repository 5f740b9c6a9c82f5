/** Ends connections in which nothing moves, unless it is the gateway's turn. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How long an answer may take is said by the origin's own timeout, which may be longer than a connection may idle. */
export function endIdleCallers(server: Server, idleTimeoutMs: number): void {
  // In the order of their requests; pipelined ones are open beside each other.
  const replies = new WeakMap<Socket, readonly ServerResponse[]>()
  const began = (req: IncomingMessage, res: ServerResponse) => void replies.set(req.socket, [...openOf(replies.get(req.socket)), res])
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.prependListener(event, began)
  server.setTimeout(idleTimeoutMs)
  server.on('timeout', (socket) => {
    if (!isWaitingForUs(openOf(replies.get(socket))[0])) socket.destroy()
  })
}

const none: readonly ServerResponse[] = []

function openOf(replies = none): readonly ServerResponse[] {
  return replies.every(({ closed }) => closed) ? none : replies.filter(({ closed }) => !closed)
}

function isWaitingForUs(reply: ServerResponse | undefined): boolean {
  return reply?.req.complete === true && !reply.headersSent
}
