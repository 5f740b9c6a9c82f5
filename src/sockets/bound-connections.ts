/** A bound on the connections of a server that asks nobody who they are: the oldest gives way, so that those who hold many keep nobody out. */
import type { Server, Socket } from 'node:net'

export function boundConnections(server: Server, max: number): void {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    const [oldest] = open
    if (open.size >= max && oldest !== undefined) {
      open.delete(oldest)
      oldest.destroy()
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
}
