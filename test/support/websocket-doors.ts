/** WebSockets by hand through every door that carries them, to origins by hand that see each byte. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createOriginCertificate } from './certificates.ts'
import { eventually } from './eventually.ts'
import { grant, type NetworkSource, toLocalhost } from './grant.ts'
import { openSession } from './http2.ts'
import { createInstallation, type Installation, proxyHeader, startHere } from './installation.ts'
import { connect, createServer } from './sockets.ts'
import { openInside, openTunnel } from './tunnel.ts'
import { upgradeHeaders } from './websocket.ts'

export const webSocketDoors = ['proxy', 'tunnel', 'intercept', 'http2', 'http2 in the clear', 'services'] as const
export type WebSocketDoor = (typeof webSocketDoors)[number]

/** One end of a WebSocket. */
export interface WebSocketEnd {
  readonly stream: Duplex
  /** Everything that came behind the head. */
  heard(): Buffer
  /** As only a failure would end it. */
  reset(): void
}

export interface WebSocketCaller extends WebSocketEnd {
  /** Of the answer, once it is there. */
  status(): number | null
}

export interface WebSocketOrigin extends WebSocketEnd {
  readonly stream: Socket
  readonly head: string
}

export interface WebSocketDoorsOptions {
  readonly config?: string
  /** Of the manifest. */
  readonly rights?: Parameters<typeof grant>[0]
  /** Of each capability. */
  readonly conditions?: Partial<Pick<NetworkSource, 'maxMessage' | 'messagesPerSecond' | 'timeouts'>>
  /** Of the capabilities for the network. */
  readonly network?: Partial<NetworkSource>
  /** What an origin says to a handshake; by default it opens the WebSocket. `accepting`: the answer that does. */
  readonly answer?: (socket: Socket, accepting: string, head: string) => void
}

export interface WebSocketDoors {
  readonly installation: Installation
  readonly gateway: Gateway
  readonly proxyPort: number
  /** Of the origin without TLS. */
  readonly plainPort: number
  readonly origins: readonly WebSocketOrigin[]
  /** Asks for a WebSocket at `/live`, with these bytes right behind the head. `more`: further header fields. */
  ask(door: WebSocketDoor, early?: Buffer, more?: Readonly<Record<string, string>>): Promise<WebSocketCaller>
  /** Both ends, once it is open. */
  open(door: WebSocketDoor): Promise<{ readonly caller: WebSocketCaller; readonly origin: WebSocketOrigin }>
  /** Rewrites the manifest, which the gateway reads when it is reloaded. */
  allow(websocket: boolean): void
  /** Of type `settled`, of WebSockets alone, in order. */
  settled(): readonly Readonly<Record<string, unknown>>[]
}

interface Asked {
  readonly early: Buffer
  readonly more: Readonly<Record<string, string>>
}

/** RFC 6455 §1.3. */
function acceptingTo(head: string): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ''
  const accept = hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64')
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
}

/** Calls back with the head once it is there; gives what came behind it. */
function readBehindHead(stream: Socket, onHead: (head: string) => void): () => Buffer {
  let pending: Buffer = Buffer.alloc(0)
  const chunks: Buffer[] = []
  const read = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    const end = pending.indexOf('\r\n\r\n')
    if (end < 0) return
    chunks.push(pending.subarray(end + 4))
    stream.off('data', read).on('data', (more: Buffer) => chunks.push(more))
    onHead(pending.subarray(0, end + 4).toString('latin1'))
  }
  stream.on('data', read)
  return () => Buffer.concat(chunks)
}

const openIt = (socket: Socket, accepting: string) => void socket.write(accepting)

export async function startWebSocketDoors(t: TestContext, options: WebSocketDoorsOptions = {}): Promise<WebSocketDoors> {
  const { config = '', rights = {}, conditions = {}, network: more = {}, answer = openIt } = options
  const origins: WebSocketOrigin[] = []
  /** By the other end's port, without TLS: only there is a reset. */
  const raw = new Map<number | undefined, Socket>()
  const serve = (stream: Socket) => {
    t.after(() => stream.destroy())
    stream.on('error', () => {})
    const heard = readBehindHead(stream, (head) => {
      origins.push({ stream, head, heard, reset: () => void raw.get(stream.remotePort)?.resetAndDestroy() })
      answer(stream, acceptingTo(head), head)
    })
  }
  const installation = createInstallation(t)
  const { key, certificate } = await createOriginCertificate(installation.folder, 'localhost')
  const plain = createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1')
  const secure = createTlsServer({ key, cert: certificate, allowHalfOpen: true }, serve).listen(0, '127.0.0.1')
  for (const server of [plain, secure]) server.on('connection', (socket: Socket) => raw.set(socket.remotePort, socket))
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')])
  t.after(() => {
    plain.close()
    secure.close()
  })
  const [plainPort, securePort] = [plain, secure].map((server) => (server.address() as AddressInfo).port) as [number, number]
  installation.write(
    'sallyport.yaml',
    `${installation.read('sallyport.yaml')}${/^http:/m.test(config) ? '' : 'http: { originCa: ./origin-ca.crt }\n'}services: [{ name: live, url: "http://127.0.0.1:${plainPort}" }]\n${config}\n`,
  )
  const allow = (websocket: boolean) => {
    const given = { paths: ['/live'], ...conditions, ...(websocket && { websocket }) }
    const network = [toLocalhost(plainPort, { ...given, ...more }), toLocalhost(securePort, { tls: 'intercept', ...given, ...more })]
    installation.write('integrations/weather.yaml', grant({ network, services: [{ name: 'live', ...given }], ...rights }))
  }
  allow(true)
  const { gateway, proxyPort } = await startHere(t, installation)

  const overHttp1 = (stream: Socket, port: number, target: string, { early, more }: Asked, below = stream): WebSocketCaller => {
    let status: number | null = null
    t.after(() => stream.destroy())
    stream.on('error', () => {})
    const heard = readBehindHead(stream, (head) => {
      status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    })
    const fields = Object.entries(more).map(([name, value]) => `${name}: ${value}\r\n`)
    stream.write(
      Buffer.concat([
        Buffer.from(
          `GET ${target} HTTP/1.1\r\nHost: localhost:${port}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\n${'Connection' in more ? upgradeHeaders.replace('Connection: Upgrade\r\n', '') : upgradeHeaders}${fields.join('')}\r\n`,
        ),
        early,
      ]),
    )
    return { stream, heard, status: () => status, reset: () => void below.resetAndDestroy() }
  }
  const overHttp2 = async (session: ClientHttp2Session, own: OutgoingHttpHeaders, { early, more }: Asked): Promise<WebSocketCaller> => {
    await once(session, 'remoteSettings')
    const handshake = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/live', 'sec-websocket-version': '13' }
    const stream = session.request({ ...own, ...handshake, ...more })
    const chunks: Buffer[] = []
    let status: number | null = null
    stream.on('error', () => {})
    stream.on('response', (headers: IncomingHttpHeaders) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    if (early.byteLength > 0) stream.write(early)
    return { stream, heard: () => Buffer.concat(chunks), status: () => status, reset: () => stream.close(8) }
  }
  const direct = () => connect({ port: proxyPort, host: '127.0.0.1', allowHalfOpen: true })
  const to = (port: number) => ({ proxyPort, port })

  const doors: Readonly<Record<WebSocketDoor, (asked: Asked) => Promise<WebSocketCaller>>> = {
    proxy: async (asked) => overHttp1(direct(), plainPort, `http://localhost:${plainPort}/live`, asked),
    services: async (asked) => overHttp1(direct(), plainPort, '/services/live/live', asked),
    async tunnel(asked) {
      return overHttp1(await openTunnel(proxyPort, `localhost:${plainPort}`, { allowHalfOpen: true }), plainPort, '/live', asked)
    },
    async intercept(asked) {
      const { promise, resolve } = Promise.withResolvers<Socket>()
      const through = (tunnel: Socket) => {
        resolve(tunnel)
        return tunnel
      }
      return overHttp1(await openInside(installation, { ...to(securePort), through }), securePort, '/live', asked, await promise)
    },
    async http2(asked) {
      const session = await openSession(t, installation, to(securePort))
      return overHttp2(session, { ':scheme': 'https', ':authority': `localhost:${securePort}` }, asked)
    },
    async 'http2 in the clear'(asked) {
      const session = connectHttp2(`http://127.0.0.1:${proxyPort}`).on('error', () => {})
      t.after(() => session.destroy())
      const own = { ':scheme': 'http', ':authority': `localhost:${plainPort}`, 'proxy-authorization': proxyHeader('weather') }
      return overHttp2(session, own, asked)
    },
  }

  const ask: WebSocketDoors['ask'] = (door, early = Buffer.alloc(0), more = {}) => doors[door]({ early, more })
  return {
    ...{ installation, gateway, proxyPort, plainPort, origins, ask, allow },
    async open(door) {
      const count = origins.length
      const caller = await ask(door)
      await eventually(`it is open through ${door}`, () => [101, 200].includes(caller.status() ?? 0))
      return { caller, origin: origins[count] as WebSocketOrigin }
    },
    settled() {
      const records = installation.records() as { type?: string; id?: string; subject?: { websocket?: boolean } }[]
      const asked = new Set(records.flatMap(({ type, id, subject }) => (type === 'decided' && subject?.websocket === true ? [id] : [])))
      return records.filter(({ type, id }) => type === 'settled' && asked.has(id)) as Readonly<Record<string, unknown>>[]
    },
  }
}
