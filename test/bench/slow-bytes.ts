/** How near to its rate a byte bucket keeps what is under way: both ways, through the proxy and through a blind tunnel, over 10 s. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { manifest, proxyHeader } from '../support/installation.ts'
import { listen, pour } from './pour.ts'
import { start, untilListening } from './process.ts'

const port = 19_428
/** What the full bucket holds, a second’s worth where nothing else is said, is through by then. */
const settleMs = 3000
const windowMs = 10_000
const bytesPerSecond = [1000, 1_000_000, 10_000_000]
const ways = ['proxy in', 'proxy out', 'tunnel in', 'tunnel out'] as const
type Way = (typeof ways)[number]

export interface Slowed {
  readonly way: Way
  readonly bytesPerSecond: number
  /** Of the bytes that the rate gives in the window. */
  readonly part: number
}

/** As an integration that has nothing else to do is named. */
const nameOf = (way: Way, rate: number) => `${way.replace(' ', '-')}-${rate}`
const chunk = Buffer.alloc(64 * 1024, 'x')

export async function measureSlowBytes(): Promise<readonly Slowed[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-slow-'))
  const counts = new Map<string, number>()
  const count = (name: string) => (bytes: Buffer) => void counts.set(name, (counts.get(name) ?? 0) + bytes.byteLength)
  // Either sends and takes what it can: who it is for stands in the path, or in the tunnel's first bytes.
  const http = createServer((req, res) => {
    if (req.method === 'POST') req.on('data', count((req.url ?? '').slice(1)))
    else pour(res, chunk)
  })
  const raw = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (first) => {
      const [name = '', way = ''] = first.toString('latin1').split('\n')
      if (way === 'in') pour(socket, chunk)
      else socket.on('data', count(name))
    })
  })
  const [httpPort, rawPort] = await Promise.all([listen(http), listen(raw)])
  writeFiles(folder, httpPort, rawPort)
  const gateway = start(join(import.meta.dirname, '../../src/main.ts'), ['run', '--config', join(folder, 'sallyport.yaml')])
  const sockets: Socket[] = []
  try {
    await untilListening(port)
    for (const way of ways)
      for (const rate of bytesPerSecond) sockets.push(open(way, nameOf(way, rate), httpPort, rawPort, count(nameOf(way, rate))))
    await sleep(settleMs)
    const from = performance.now()
    const before = new Map(counts)
    await sleep(windowMs)
    const seconds = (performance.now() - from) / 1000
    return ways.flatMap((way) =>
      bytesPerSecond.map((rate) => {
        const name = nameOf(way, rate)
        return { way, bytesPerSecond: rate, part: ((counts.get(name) ?? 0) - (before.get(name) ?? 0)) / (rate * seconds) }
      }),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
    await gateway.stop()
    for (const server of [http, raw]) server.close()
    http.closeAllConnections()
    rmSync(folder, { recursive: true, force: true })
  }
}

function writeFiles(folder: string, httpPort: number, rawPort: number): void {
  mkdirSync(join(folder, 'integrations'))
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${port}" }]\nadmin: { health: "127.0.0.1:0" }\ndrainTimeout: 100ms\nlog: { level: error }\n`,
  )
  for (const way of ways)
    for (const rate of bytesPerSecond) {
      const limits = ['bytesIn', 'bytesOut'].map((name) => `${name}: { rate: ${rate}/s }`).join(', ')
      const to = (toPort: number, tls: string) => `{ hosts: [127.0.0.1], ports: [${toPort}], tls: ${tls}, addresses: [127.0.0.0/8] }`
      const rights = `network: [${to(httpPort, 'none')}, ${to(rawPort, 'tunnel')}]\nlimits: { ${limits} }`
      writeFileSync(join(folder, `integrations/${nameOf(way, rate)}.yaml`), manifest(nameOf(way, rate), rights))
    }
}

function open(way: Way, name: string, httpPort: number, rawPort: number, count: (bytes: Buffer) => void): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  const head = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${proxyHeader(name)}\r\n`
  const url = `http://127.0.0.1:${httpPort}/${name}`
  // Content counts, without the framing of chunks: Node's client takes that off.
  if (way === 'proxy in')
    request({ createConnection: () => socket, path: url, headers: { host: 'x', 'proxy-authorization': proxyHeader(name) } }, (res) =>
      res.on('data', count),
    )
      .on('error', () => {})
      .end()
  else if (way === 'proxy out') {
    socket.write(`${head(`POST ${url}`)}Transfer-Encoding: chunked\r\n\r\n`)
    pour(socket, Buffer.concat([Buffer.from(`${chunk.byteLength.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]))
  } else {
    socket.write(`${head(`CONNECT 127.0.0.1:${rawPort}`)}\r\n`)
    socket.once('data', () => {
      socket.write(`${name}\n${way === 'tunnel in' ? 'in' : 'out'}\n`)
      if (way === 'tunnel in') socket.on('data', count)
      else pour(socket, chunk)
    })
  }
  return socket
}

/** Bar: within 5 %. */
export function describeSlowBytes(slowed: readonly Slowed[]): readonly string[] {
  const off = (part: number) => `${part >= 1 ? '+' : ''}${((part - 1) * 100).toFixed(2)} %`
  return ways.map((way) => {
    const figures = slowed
      .filter((item) => item.way === way)
      .map(({ bytesPerSecond, part }) => `${off(part)} at ${bytesPerSecond / 1000} kB/s`)
    return `  ${`bytes off their rate, ${way} (bar: within 5 %)`.padEnd(46)} ${figures.join(', ')}`
  })
}

if (import.meta.main) process.stdout.write(`${describeSlowBytes(await measureSlowBytes()).join('\n')}\n`)
