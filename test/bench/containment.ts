/** How long after an operator asked for it a suspension cuts what is open: until the last byte reached the origin, by that origin's own clock. */
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSecureServer, connect as http2Connect } from 'node:http2'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import { askGateway } from '../../src/cli/admin-client.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { manifest, proxyHeader } from '../support/installation.ts'
import { listen, pour } from './pour.ts'
import { median, start, untilListening } from './process.ts'

const port = 19_429
const name = 'contained'
const ways = ['HTTP/1.1 upload', 'HTTP/2 stream, intercepted', 'WebSocket', 'tunnel'] as const
type Way = (typeof ways)[number]

export interface Contained {
  readonly way: Way
  /** From the request for the suspension to the last byte, of each round. */
  readonly lastByteMs: readonly number[]
}

/** So much has passed before it is cut: it is well under way. */
const wantedBytes = 4_000_000
/** Nothing came for so long: that was the last byte. */
const quietMs = 1500

interface Origins {
  readonly ports: Readonly<Record<Way, number>>
  /** Bytes that came so far, and when the last of them did, on the clock of `performance`. */
  readonly came: { bytes: number; at: number }
  close(): void
}

export async function measureContainment(rounds: number): Promise<readonly Contained[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-contained-'))
  const origins = await startOrigins(folder)
  writeFiles(folder, origins.ports)
  const gateway = start(join(import.meta.dirname, '../../src/main.ts'), ['run', '--config', join(folder, 'sallyport.yaml')])
  try {
    await untilListening(port)
    const measured: Contained[] = []
    for (const way of ways) {
      const lastByteMs: number[] = []
      for (let round = 0; round < rounds; round += 1) lastByteMs.push(await cutOnce(folder, way, origins))
      measured.push({ way, lastByteMs })
    }
    return measured
  } finally {
    await gateway.stop()
    origins.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function cutOnce(folder: string, way: Way, { came, ports }: Origins): Promise<number> {
  const act = async (what: string) => {
    const { status, body } = await askGateway(join(folder, 'state/admin.sock'), 'POST', `/v1/integrations/${name}/${what}?reason=bench`)
    if (status !== 200) throw new Error(`${what} was answered with ${status}: ${JSON.stringify(body)}`)
  }
  came.bytes = 0
  const socket = open(folder, way, ports[way])
  const until = performance.now() + 10_000
  while (came.bytes < wantedBytes) {
    if (performance.now() > until) throw new Error(`${way}: only ${came.bytes} bytes reached the origin`)
    await sleep(5)
  }
  const asked = performance.now()
  await act('suspend')
  while (performance.now() - came.at < quietMs) await sleep(50)
  socket.destroy()
  await act('resume')
  return came.at - asked
}

async function startOrigins(folder: string): Promise<Origins> {
  const came = { bytes: 0, at: 0 }
  const count = (chunk: Buffer) => {
    came.bytes += chunk.byteLength
    came.at = performance.now()
  }
  const http = createServer((req) => req.on('data', count).on('error', () => {}))
  http.on('upgrade', (req, socket) => {
    const accept = hash('sha1', `${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('data', count).on('error', () => {})
  })
  const tls = await createOriginCertificate(folder, 'localhost')
  const http2 = createSecureServer({ key: tls.key, cert: tls.certificate })
  http2.on('stream', (stream) => stream.on('data', count).on('error', () => {}))
  const raw = createTcpServer((socket) => void socket.on('data', count).on('error', () => {}))
  const servers: readonly Server[] = [http, http2, raw]
  const [httpPort = 0, http2Port = 0, rawPort = 0] = await Promise.all(servers.map(listen))
  return {
    ports: { 'HTTP/1.1 upload': httpPort, 'HTTP/2 stream, intercepted': http2Port, WebSocket: httpPort, tunnel: rawPort },
    came,
    close() {
      for (const server of servers) server.close()
      http.closeAllConnections()
    },
  }
}

function writeFiles(folder: string, ports: Origins['ports']): void {
  mkdirSync(join(folder, 'integrations'))
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${port}" }]\nadmin: { health: "127.0.0.1:0" }\nhttp: { originCa: ./origin-ca.crt }\ndrainTimeout: 100ms\nlog: { level: error }\n`,
  )
  const to = (host: string, way: Way, more: string) =>
    `{ hosts: [${host}], ports: [${ports[way]}], addresses: [127.0.0.0/8, "::1/128"], ${more} }`
  const network = [
    to('127.0.0.1', 'HTTP/1.1 upload', 'tls: none, websocket: true, messagesPerSecond: 1000000'),
    to('localhost', 'HTTP/2 stream, intercepted', 'tls: intercept'),
    to('127.0.0.1', 'tunnel', 'tls: tunnel'),
  ]
  const limits = '{ bytesOut: { rate: 100GB/s } }'
  writeFileSync(join(folder, `integrations/${name}.yaml`), manifest(name, `network: [${network.join(', ')}]\nlimits: ${limits}`))
}

/** Opens it, and sends for as long as it is taken. */
function open(folder: string, way: Way, originPort: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  const authorization = `Proxy-Authorization: ${proxyHeader(name)}\r\n`
  const url = `http://127.0.0.1:${originPort}/`
  const begin = (head: string, then: () => void) => {
    socket.write(`${head}${authorization}\r\n`)
    socket.once('data', (answer: Buffer) => {
      if (!/^HTTP\/1\.1 (?:101|200) /.test(answer.toString('latin1'))) throw new Error(`${way}: ${answer.toString('latin1').slice(0, 300)}`)
      then()
    })
  }
  switch (way) {
    case 'HTTP/1.1 upload':
      socket.write(`POST ${url} HTTP/1.1\r\nHost: 127.0.0.1:${originPort}\r\nTransfer-Encoding: chunked\r\n${authorization}\r\n`)
      pour(socket, Buffer.concat([Buffer.from(`${chunk.byteLength.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]))
      break
    case 'HTTP/2 stream, intercepted':
      begin(`CONNECT localhost:${originPort} HTTP/1.1\r\nHost: localhost:${originPort}\r\n`, () => {
        const ca = readFileSync(join(folder, 'state/ca/ca.crt'))
        const secure = tlsConnect({ socket, ca, servername: 'localhost', ALPNProtocols: ['h2'] }).on('error', () => {})
        const session = http2Connect(`https://localhost:${originPort}`, { createConnection: () => secure }).on('error', () => {})
        pour(
          session.request({ ':method': 'POST', ':path': '/' }, { endStream: false }).on('error', () => {}),
          chunk,
        )
      })
      break
    case 'WebSocket': {
      const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      begin(`GET ${url} HTTP/1.1\r\nHost: 127.0.0.1:${originPort}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}`, () =>
        pour(socket, frame),
      )
      break
    }
    case 'tunnel':
      begin(`CONNECT 127.0.0.1:${originPort} HTTP/1.1\r\nHost: 127.0.0.1:${originPort}\r\n`, () => pour(socket, chunk))
  }
  return socket
}

const chunk = Buffer.alloc(16 * 1024, 'x')
/** RFC 6455 §5.2: final, binary, masked with zeros. */
const frame = Buffer.concat([Buffer.from([0x82, 0xfe, chunk.byteLength >> 8, chunk.byteLength & 0xff, 0, 0, 0, 0]), chunk])

/** Bar: 1 s. */
export function describeContainment(contained: readonly Contained[]): readonly string[] {
  return contained.map(({ way, lastByteMs }) => {
    const figures = `${median(lastByteMs).toFixed(0)} ms, the longest of ${lastByteMs.length} ${Math.max(...lastByteMs).toFixed(0)} ms`
    return `  ${`suspended to last byte, ${way} (bar: 1 s)`.padEnd(62)} ${figures}`
  })
}

if (import.meta.main) process.stdout.write(`${describeContainment(await measureContainment(5)).join('\n')}\n`)
