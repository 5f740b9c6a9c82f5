/** A bound on the connections of a server without authentication: the oldest is closed for a new one, so that holding many keeps no other caller out. */
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
