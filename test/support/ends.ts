/** One gateway with short timeouts, between raw sockets that end as a test tells them to. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { createOriginCertificate } from './certificates.ts'
import { eventually } from './eventually.ts'
import { createInstallation, type Installation, manifest, proxyHeader, type Running, startHere } from './installation.ts'

/** What an origin does with a connection once the first bytes are there; told by the first segment of the path, or in a tunnel by the first word. */
export type Behaviour = (socket: Socket, first: string) => void

export interface Ends {
  readonly installation: Installation
  readonly running: Running
  /** Plain, and TLS behind an interception. */
  readonly plainPort: number
  readonly securePort: number
  /** Connections of the origins, oldest first. */
  readonly origins: Socket[]
  /** A connection to the gateway, and all that it has said. */
  call(bytes: string): Caller
  /** The record `settled` of the newest decision for this path. */
  settled(path: string): Promise<Record<string, unknown>>
}

export interface Caller {
  readonly socket: Socket
  text(): string
  /** Resolves once the gateway has closed. */
  readonly closed: Promise<unknown>
}

export const short = 'http: { idleTimeout: 1s, originTimeout: 1s, connectTimeout: 1s, lingerTimeout: 3s, headersTimeout: 5s'

export async function startEnds(t: TestContext, behaviours: Readonly<Record<string, Behaviour>>): Promise<Ends> {
  const installation = createInstallation(t, { config: `${short}, originCa: ./origin-ca.crt }` })
  const origins: Socket[] = []
  const behave = (socket: Socket) => {
    origins.push(socket)
    socket.on('error', () => {})
    socket.once('data', (chunk: Buffer) => {
      const first = chunk.toString('latin1')
      const name = /^(?:[A-Z]+ \/)?(\w+)/.exec(first)?.[1] ?? ''
      behaviours[name]?.(socket, first)
    })
  }
  const { key, certificate: cert } = await createOriginCertificate(installation.folder, 'localhost')
  const plain = createServer({ allowHalfOpen: true }, behave).listen(0, '127.0.0.1')
  const secure = createTlsServer({ key, cert, allowHalfOpen: true }, behave).listen(0, '127.0.0.1')
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')])
  t.after(() => {
    for (const socket of origins) socket.destroy()
    plain.close()
    secure.close()
  })
  const plainPort = (plain.address() as AddressInfo).port
  const securePort = (secure.address() as AddressInfo).port
  const to = 'hosts: [localhost], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network:\n  - { ${to}, ports: [${plainPort}], tls: none, paths: ["/*", "/*/**"] }\n  - { ${to}, ports: [${plainPort}], tls: tunnel }\n  - { ${to}, ports: [${securePort}], tls: intercept }`,
    ),
  )
  const running = await startHere(t, installation)
  return {
    ...{ installation, running, plainPort, securePort, origins },
    call(bytes) {
      const socket = connect({ port: running.proxyPort, host: '127.0.0.1', allowHalfOpen: true })
      t.after(() => void socket.destroy())
      return listen(socket, bytes)
    },
    settled: (path) =>
      eventually(`${path} is settled`, () => {
        const records = installation.records()
        const id = records.findLast((one) => one['type'] === 'decided' && JSON.stringify(one).includes(`"${path}"`))?.['id']
        return records.find((one) => one['type'] === 'settled' && one['id'] === id)
      }),
  }
}

export function listen(socket: Socket, bytes: string): Caller {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.write(Buffer.from(bytes, 'latin1'))
  return { socket, text: () => text, closed: once(socket, 'close') }
}

/** The head of a proxied request; `rest` is its further header lines. */
export function proxied(port: number, path: string, method = 'GET', rest = ''): string {
  return `${method} http://localhost:${port}${path} HTTP/1.1\r\nHost: localhost:${port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${rest}\r\n`
}
