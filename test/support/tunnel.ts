/** Bytes through an intercepted tunnel, as they are. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { type Installation, proxyHeader } from './installation.ts'
import { connect, createServer } from './sockets.ts'

export interface Inside {
  readonly proxyPort: number
  /** Where the gateway listens, if not on 127.0.0.1. */
  readonly proxyHost?: string
  /** Of the CONNECT. */
  readonly host?: string
  readonly port: number
  /** The name that the handshake asks for. */
  readonly servername?: string
  /** What else the client says of TLS. */
  readonly tls?: ConnectionOptions
  /** What lies between the client's TLS and the tunnel. */
  readonly through?: (tunnel: Socket) => Duplex
}

/** Sends bytes inside the interception and gives all that comes back until it closes; rejects where the handshake fails. */
export async function exchangeInside(installation: Installation, to: Inside, bytes: string): Promise<string> {
  const secure = await openInside(installation, to)
  const whole = readAll(secure)
  secure.write(Buffer.from(bytes, 'latin1'))
  return whole
}

export function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

/** A connection through the gateway, once its CONNECT was answered with 200; rejects with any other answer. */
export function openTunnel(proxyPort: number, authority: string, { allowHalfOpen = false, host = '127.0.0.1' } = {}): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: proxyPort, host, allowHalfOpen }).on('error', reject)
    socket.once('close', () => reject(new Error('the CONNECT was not answered')))
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n\r\n`)
    socket.once('data', (head) => {
      if (head.toString('latin1').startsWith('HTTP/1.1 200 ')) return resolve(socket)
      socket.destroy()
      reject(new Error(head.toString('latin1')))
    })
  })
}

/** A connection inside the interception, after its handshake. */
export async function openInside({ folder }: Installation, to: Inside): Promise<TLSSocket> {
  const { proxyPort, proxyHost, host = 'localhost', port, servername = 'localhost', tls = {}, through = (tunnel) => tunnel } = to
  const socket = through(await openTunnel(proxyPort, `${host}:${port}`, { host: proxyHost }))
  const ca = readFileSync(join(folder, 'state/ca/ca.crt'))
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, servername, ca, ALPNProtocols: ['http/1.1'], ...tls }, () => resolve(secure))
    secure.on('error', reject).once('close', () => reject(new Error('the handshake did not come to its end')))
  })
}

/** Puts each connection to the port that it gives into a tunnel of its own, for clients that know no proxy. */
export async function startTunnels(t: Pick<TestContext, 'after'>, proxyPort: number, authority: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    openTunnel(proxyPort, authority).then(
      (tunnel) =>
        void tunnel
          .on('error', () => socket.destroy())
          .pipe(socket)
          .pipe(tunnel),
      () => socket.destroy(),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Of a TLS connection the one that it is on: a reset is sent by that one, and TLS may wait for a peer that takes nothing. */
export function connectionBelow(socket: Socket): Socket {
  return (socket as unknown as { _parent?: Socket })._parent ?? socket
}
