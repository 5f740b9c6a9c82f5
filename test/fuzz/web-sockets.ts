/** Hostile frames of WebSockets, from callers and from origins, through a service, the proxy and an interception, in HTTP/1.1 and in HTTP/2. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { createOriginCertificate } from '../support/certificates.ts'
import { createInstallation, headOf, type Installation, manifest, proxyHeader, startChild } from '../support/installation.ts'
import { connect, createServer } from '../support/sockets.ts'
import { connectionBelow, openInside } from '../support/tunnel.ts'
import { createRandom, type Random } from './generate.ts'
import { hammer } from './hammer.ts'
import { type Talk, talkOverHttp2 } from './http2-web-socket.ts'
import { createWebSocketFrames } from './web-socket-frames.ts'

const framesPerConnection = 50
const patienceMs = [5, 30, 100] as const
const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const extensions = ['', 'permessage-deflate', 'permessage-deflate; client_no_context_takeover']
const paths = ['/v1/silent', '/v1/echo', '/v1/hostile', '/v1/closes', '/denied', '/v1/../denied']

/** Throws with the seed and what was sent last where the gateway does not do what it must. */
export async function fuzzWebSockets(
  t: TestContext,
  { seed, inputs }: { readonly seed: number; readonly inputs: number },
): Promise<string> {
  const random = createRandom(seed)
  const frames = createWebSocketFrames(random)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const installation = createInstallation(t, {
    config:
      'http: { originCa: ./origin-ca.crt, idleTimeout: 1s, originTimeout: 1s, connectTimeout: 1s, headersTimeout: 2s, keepAlive: 1s, lingerTimeout: 600ms }\nwebsockets: { idleTimeout: 1s }\nservices: [{ name: named, url: "http://localhost:PORT", timeout: 1s }]',
  })
  const origins = await startWebSocketOrigins(t, installation, random)
  write(installation, origins)
  const gateway = await startChild(t, installation)
  const { proxyPort } = gateway
  const doors = {
    services: { target: '/services/named', head: `Host: gateway\r\n${auth}`, open: async () => connect(proxyPort, '127.0.0.1') },
    proxy: {
      target: `http://localhost:${origins.plainPort}`,
      head: `Host: localhost:${origins.plainPort}\r\n${auth}`,
      open: async () => connect(proxyPort, '127.0.0.1'),
    },
    inside: {
      target: '',
      head: `Host: localhost:${origins.tlsPort}\r\n`,
      open: () => openInside(installation, { proxyPort, port: origins.tlsPort }),
    },
  }
  const shake = (door: keyof typeof doors, path: string, extension: string) =>
    `GET ${doors[door].target}${path} HTTP/1.1\r\n${doors[door].head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${extension === '' ? '' : `Sec-WebSocket-Extensions: ${extension}\r\n`}\r\n`
  const http2Doors = {
    http2: {
      fields: { ':scheme': 'https', ':authority': `localhost:${origins.tlsPort}` },
      open: () => openInside(installation, { proxyPort, port: origins.tlsPort, tls: { ALPNProtocols: ['h2'] } }),
    },
    'http2 in the clear': {
      fields: { ':scheme': 'http', ':authority': `localhost:${origins.plainPort}`, 'proxy-authorization': proxyHeader('weather') },
      open: async () => connect(proxyPort, '127.0.0.1'),
    },
  }
  const attackOverHttp2 = (door: keyof typeof http2Doors, talk: Talk) => {
    const { fields, open } = http2Doors[door]
    const extension = pick(extensions)
    const headers = { ...fields, ':path': pick(paths), ...(extension !== '' && { 'sec-websocket-extensions': extension }) }
    return {
      inputs: talk.frames.length,
      told: JSON.stringify([door, headers, { ...talk, frames: Buffer.concat(talk.frames).toString('base64').slice(0, 2000) }]),
      send: async () => {
        const socket = await open().catch(() => null)
        if (socket !== null) await talkOverHttp2(socket, `${fields[':scheme']}://${fields[':authority']}`, headers, talk)
      },
    }
  }
  return hammer({
    ...{ installation, gateway, seed, inputs, what: 'frames of WebSockets' },
    async requireAlive() {
      for (const door of ['services', 'proxy'] as const)
        assert.match(await headOf(proxyPort, shake(door, '/v1/silent', '')), /^HTTP\/1\.1 101 /)
    },
    effects: () => origins.denied.join('\n'),
    attack() {
      const door = pick([...(Object.keys(doors) as (keyof typeof doors)[]), ...(Object.keys(http2Doors) as (keyof typeof http2Doors)[])])
      const all = Array.from({ length: 1 + Math.floor(random() * 2 * framesPerConnection) }, () => frames(true))
      // Before the handshake is answered, too.
      const isEarly = random() < 0.2
      const waitMs = pick(patienceMs)
      if (door === 'http2' || door === 'http2 in the clear')
        return attackOverHttp2(door, { frames: all, isEarly, waitMs, resets: random() < 0.5 })
      const head = shake(door, pick(paths), pick(extensions))
      return {
        inputs: all.length,
        told: JSON.stringify([door, head, isEarly, waitMs, Buffer.concat(all).toString('base64').slice(0, 2000)]),
        send: async () => {
          const socket = await doors[door].open().catch(() => null)
          if (socket !== null) await converse(socket, head, all, isEarly, waitMs)
        },
      }
    },
  })
}

function converse(socket: Socket, head: string, frames: readonly Buffer[], isEarly: boolean, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const below = connectionBelow(socket)
    const leave = () => {
      socket.destroy()
      below.destroy()
    }
    const patience = setTimeout(leave, 300)
    const over = () => {
      clearTimeout(patience)
      resolve()
    }
    if (below.closed) return over()
    const send = () => {
      for (const frame of frames) socket.write(frame)
      setTimeout(leave, waitMs)
    }
    socket.on('error', () => {}).once('data', () => isEarly || send())
    socket.on('data', () => {})
    below.once('close', over)
    socket.write(head)
    if (isEarly) send()
  })
}

interface WebSocketOrigins {
  readonly plainPort: number
  readonly tlsPort: number
  /** Requests for what the manifest does not allow. */
  readonly denied: readonly string[]
}

async function startWebSocketOrigins(t: TestContext, { folder }: Installation, random: Random): Promise<WebSocketOrigins> {
  const denied: string[] = []
  const frames = createWebSocketFrames(random)
  const open = new Set<Socket>()
  const serve = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
    socket.once('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      // Of a caller in HTTP/2 the gateway makes it.
      const asked = /\r\nsec-websocket-key: (\S+)/i.exec(text)?.[1] ?? ''
      const accept = hash('sha1', `${asked}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64')
      const path = /^GET (\S+) /.exec(text)?.[1] ?? ''
      if (!path.startsWith('/v1/')) denied.push(text)
      const extension = /\r\nsec-websocket-extensions: permessage-deflate/i.test(text)
        ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n'
        : ''
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${extension}\r\n`,
      )
      if (path === '/v1/echo') socket.pipe(socket)
      else if (path === '/v1/closes') socket.end(Buffer.from([0x88, 2, 3, 232]))
      else socket.resume()
      if (path === '/v1/hostile') for (let left = Math.floor(random() * 30); left > 0; left -= 1) socket.write(frames(false))
    })
  }
  const certificate = await createOriginCertificate(folder, 'localhost')
  const plain = createServer(serve).listen(0, '127.0.0.1')
  const secure = createTlsServer({ key: certificate.key, cert: certificate.certificate }, serve).listen(0, '127.0.0.1')
  secure.on('tlsClientError', () => {})
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')])
  t.after(() => {
    for (const socket of open) socket.destroy()
    plain.close()
    secure.close()
  })
  return { denied, plainPort: (plain.address() as AddressInfo).port, tlsPort: (secure.address() as AddressInfo).port }
}

function write(installation: Installation, { plainPort, tlsPort }: WebSocketOrigins): void {
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('PORT', String(plainPort)))
  const plenty = '{ rate: 1000000/s, burst: 1000000 }'
  const to = 'hosts: [localhost], websocket: true, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"]'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network: [{ ${to}, ports: [${plainPort}], tls: none }, { ${to}, ports: [${tlsPort}], tls: intercept }]
services: [{ name: named, websocket: true, paths: [/v1/**] }]
limits: { arrivals: ${plenty}, requests: ${plenty}, bytesIn: { rate: 10GB/s }, bytesOut: { rate: 10GB/s }, concurrency: 10000 }
breaker: { minimumRequests: 1000000 }`,
    ),
  )
}
