/** An origin that misbehaves as its path says; everything else it answers. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { createServer } from '../support/sockets.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

const largeBytes = 50_000_000

const behaviours: Readonly<Record<string, (socket: Socket) => void>> = {
  early: (socket) => void socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'),
  // Node resets plain connections only.
  reset: (socket) => void ('encrypted' in socket ? socket.destroy() : socket.resetAndDestroy()),
  garbage: (socket) => void socket.end('this is no HTTP\r\n\r\n'),
  informed: (socket) => void socket.write(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`),
  behind: (socket) => void socket.write(`${ok}and more than that`),
  short: (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello'),
  stalls: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello'),
  // More than lies between two ends that do not read.
  large: (socket) =>
    void socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${largeBytes}\r\n\r\n`), Buffer.alloc(largeBytes)])),
  closes: (socket) => void socket.end(ok),
  never: () => {},
}

export interface Origins {
  readonly plainPort: number
  readonly tlsPort: number
  /** Requests for what every policy here denies. */
  readonly denied: readonly string[]
  close(): void
}

export async function startOrigins(certificate: { readonly key: string; readonly certificate: string }): Promise<Origins> {
  const open = new Set<Socket>()
  const denied: string[] = []
  const answer = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      if (!/^[A-Z-]+ \S+ HTTP\/1/.test(text)) return
      const name = /^\S+ \/(\w*)/.exec(text)?.[1] ?? ''
      if (name === 'denied') denied.push(text)
      if (behaviours[name] !== undefined) behaviours[name](socket)
      else if (/\r\nUpgrade: websocket/i.test(text))
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x01a',
        )
      else socket.write(ok)
    })
  }
  const plain = createServer(answer).listen(0, '127.0.0.1')
  const secure = createTlsServer({ key: certificate.key, cert: certificate.certificate }, answer).listen(0, '127.0.0.1')
  secure.on('tlsClientError', () => {})
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')])
  return {
    plainPort: (plain.address() as AddressInfo).port,
    denied,
    tlsPort: (secure.address() as AddressInfo).port,
    close() {
      for (const socket of open) socket.destroy()
      plain.close()
      secure.close()
    },
  }
}
