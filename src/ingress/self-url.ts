/** Where a caller reads what it may do and what it has left: on the address by which it reached the gateway, since no other is known to be reachable. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export const selfPath = '/v1/self'

/** `null` on a Unix socket, which has no URL. */
export function selfUrlOf(socket: Duplex): string | null {
  const { localAddress, localPort } = socket as Partial<Socket>
  if (localAddress === undefined || localPort === undefined) return null
  const address = localAddress.replace(/^::ffff:/, '')
  const host = address.includes(':') ? `[${address}]` : address
  return `http://${host}${localPort === 80 ? '' : `:${localPort}`}${selfPath}`
}

/** Whether a request in absolute form follows that link: clients that are set up to use the proxy send even this through it. */
export function asksForSelf(target: string, socket: Duplex): boolean {
  return target.endsWith(selfPath) && target === selfUrlOf(socket)
}
