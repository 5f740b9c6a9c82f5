/** Where a caller reads what it may do and what it has left: on the address by which it reached the gateway, since no other is known to be reachable. Clients that are set up to use the proxy follow even this link through it. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Settling } from '../pipeline.ts'
import { firstChunk } from './first-bytes.ts'
import { writeInTunnel } from './malformed.ts'

export const selfPath = '/v1/self'

/** `null` on a Unix socket, which has no URL. */
export function selfUrlOf(socket: Duplex): string | null {
  const authority = authorityOf(socket)
  return authority === null ? null : `http://${authority.replace(/:80$/, '')}${selfPath}`
}

function authorityOf(socket: Duplex): string | null {
  const { localAddress, localPort } = socket as Partial<Socket>
  if (localAddress === undefined || localPort === undefined) return null
  const address = localAddress.replace(/^::ffff:/, '')
  return `${address.includes(':') ? `[${address}]` : address}:${localPort}`
}

/** Whether a request in absolute form follows the link. */
export function asksForSelf(target: string, socket: Duplex): boolean {
  return target.endsWith(selfPath) && target === selfUrlOf(socket)
}

/** Whether a CONNECT is on the way to it: Node's fetch makes one for `http://` too. */
export function leadsToSelf(authority: string, socket: Duplex): boolean {
  return authority === authorityOf(socket)
}

/** For the one request in such a tunnel. */
const requestTimeoutMs = 10_000

/** Delivers the answer to the request in the tunnel, where that asks for it. Nothing else is served there. */
export async function answerInTunnel(settling: Settling, socket: Duplex, head: Buffer, requestId: string): Promise<void> {
  const first = head.byteLength > 0 ? head : await firstChunk(socket, requestTimeoutMs)
  if (first?.toString('latin1').startsWith(`GET ${selfPath} HTTP/1.`)) return writeInTunnel(settling, socket, requestId)
  settling.settle({ complete: false })
  socket.destroy()
}
