/** Connections whose callers have proved who they are: a flood of others does not end them. */
import type { Socket } from 'node:net'

/** By the caller's address and port: of TLS, the requests have another socket than the connection. On a Unix socket there is neither. */
const keyOf = ({ remoteAddress, remotePort }: Socket) => (remotePort === undefined ? null : `${remoteAddress} ${remotePort}`)

export function createProven() {
  const keys = new Set<string>()
  return {
    add(socket: Socket): void {
      const key = keyOf(socket)
      if (key === null || keys.has(key)) return
      keys.add(key)
      socket.once('close', () => keys.delete(key))
    },
    has(socket: Socket): boolean {
      const key = keyOf(socket)
      return key !== null && keys.has(key)
    },
  }
}
