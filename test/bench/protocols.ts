/** What HTTP/2, gRPC and WebSockets cost: HTTP/2 against HTTP/1.1 inside the same interception, WebSockets against a bare pipe, in alternating rounds of one run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOriginCertificate } from '../support/certificates.ts'
import { main, manifest, proxyHeader } from '../support/installation.ts'
import { http2Load } from './http2-load.ts'
import type { LoadResult } from './load.ts'
import { type Measured, median, start, untilListening } from './process.ts'
import { tlsLoad } from './tls-load.ts'
import { webSocketLoad } from './web-socket-load.ts'

const ports = { http1: 19_543, http2: 19_544, grpc: 19_545, webSocket: 19_546, pipe: 19_547, gateway: 19_528, health: 19_582 }
const streams = 32
const warmSeconds = 2

const kinds = ['http1', 'http2ToHttp1', 'http2', 'grpc', 'webSocketBare', 'webSocket'] as const
type Kind = (typeof kinds)[number]

interface Cost extends LoadResult {
  /** Of the gateway, or of the bare pipe. */
  readonly cpuMicrosPerRequest: number
}

export type Protocols = Readonly<Record<Kind, Cost>>

export async function measureProtocols(seconds: number, rounds: number): Promise<Protocols> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-protocols-'))
  const origin = await createOriginCertificate(folder, 'localhost')
  writeFiles(folder)
  const to = [ports.http1, ports.http2, ports.grpc, ports.webSocket].map(String)
  const upstream = start(join(import.meta.dirname, 'upstream-protocols.ts'), [...to, origin.folder])
  const pipe = start(join(import.meta.dirname, 'bare-pipe.ts'), [String(ports.pipe), String(ports.webSocket)])
  const gateway = start(main, ['run', '--config', join(folder, 'sallyport.yaml')])
  try {
    await Promise.all(Object.values(ports).map(untilListening))
    const loads = loadsOf(readFileSync(join(folder, 'state/ca/ca.crt'), 'utf8'))
    const costs = Object.fromEntries(kinds.map((kind) => [kind, [] as Cost[]])) as Record<Kind, Cost[]>
    for (const kind of kinds) await loads[kind](warmSeconds)
    for (let round = 0; round < rounds; round += 1)
      for (const kind of kinds) costs[kind].push(await cost(kind === 'webSocketBare' ? pipe : gateway, seconds, loads[kind]))
    return Object.fromEntries(kinds.map((kind) => [kind, medians(costs[kind])])) as unknown as Protocols
  } finally {
    await Promise.all([gateway.stop(), pipe.stop(), upstream.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
}

function writeFiles(folder: string): void {
  mkdirSync(join(folder, 'integrations'))
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${ports.gateway}" }]\nadmin: { health: "127.0.0.1:${ports.health}" }\nhttp: { originCa: ./origin-ca.crt }\nservices: [{ name: echo, url: "http://127.0.0.1:${ports.webSocket}" }]\nlog: { level: warn }\n`,
  )
  const tls = [ports.http1, ports.http2, ports.grpc].join(', ')
  // Every limit is on and counted; none is reached.
  writeFileSync(
    join(folder, 'integrations/bench.yaml'),
    manifest(
      'bench',
      `network: [{ hosts: [localhost], ports: [${tls}], tls: intercept, methods: [GET, POST], paths: [/v1/**, /bench.Echo/*], addresses: [127.0.0.0/8, "::1/128"] }]
services: [{ name: echo, websocket: true, messagesPerSecond: 1000000 }]
limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s }, bytesOut: { rate: 100GB/s }, concurrency: 10000 }`,
    ),
  )
}

function loadsOf(ca: string): Readonly<Record<Kind, (seconds: number) => Promise<LoadResult>>> {
  const shared = { proxyPort: ports.gateway, proxyAuthorization: proxyHeader('bench'), ca }
  const get = { ':method': 'GET', ':path': '/v1/items' }
  // A message of 16 bytes behind its five of framing.
  const message = Buffer.from([0, 0, 0, 0, 16, ...Buffer.alloc(16, 'x')])
  const call = { ':method': 'POST', ':path': '/bench.Echo/Unary', 'content-type': 'application/grpc', te: 'trailers' }
  const over = (port: number) => ({ ...shared, authority: `localhost:${port}`, streams })
  const webSocket = { path: '/services/echo/', headers: `Proxy-Authorization: ${proxyHeader('bench')}\r\n`, connections: streams }
  return {
    http1: (seconds) => tlsLoad({ ...shared, url: `https://localhost:${ports.http1}/v1/items`, connections: streams, seconds }),
    http2ToHttp1: (seconds) => http2Load({ ...over(ports.http1), headers: get, body: null, seconds }),
    http2: (seconds) => http2Load({ ...over(ports.http2), headers: get, body: null, seconds }),
    grpc: (seconds) => http2Load({ ...over(ports.grpc), headers: call, body: message, seconds }),
    webSocketBare: (seconds) => webSocketLoad({ ...webSocket, port: ports.pipe, seconds }),
    webSocket: (seconds) => webSocketLoad({ ...webSocket, port: ports.gateway, seconds }),
  }
}

async function cost(target: Measured, seconds: number, work: (seconds: number) => Promise<LoadResult>): Promise<Cost> {
  const before = target.cpuSeconds()
  const result = await work(seconds)
  return { ...result, cpuMicrosPerRequest: ((target.cpuSeconds() - before) * 1e6) / (result.requestsPerSecond * seconds) }
}

function medians(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => median(costs.map((cost) => cost[key]))
  return {
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    failures: of('failures'),
    cpuMicrosPerRequest: of('cpuMicrosPerRequest'),
  }
}

export function describeProtocols(found: Protocols): readonly string[] {
  const line = (name: string, value: string) => `  ${name.padEnd(46)} ${value}`
  const row = (name: string, { requestsPerSecond, p50Ms, p99Ms, cpuMicrosPerRequest }: Cost, what = 'requests') =>
    line(
      name,
      `${Math.round(requestsPerSecond)} ${what}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${Math.round(cpuMicrosPerRequest)} µs CPU each`,
    )
  const ratio = (name: string, part: Cost, of: Cost) => {
    const pace = part.requestsPerSecond / of.requestsPerSecond
    return line(name, `${pace.toFixed(2)} (CPU ${(part.cpuMicrosPerRequest / of.cpuMicrosPerRequest).toFixed(2)})`)
  }
  return [
    row('interception, HTTP/1.1 on 32 connections', found.http1),
    row('interception, HTTP/2, 32 streams, HTTP/1.1 origin', found.http2ToHttp1),
    row('interception, HTTP/2, 32 streams, HTTP/2 origin', found.http2),
    ratio('HTTP/2 to HTTP/1.1 origin / HTTP/1.1, per second', found.http2ToHttp1, found.http1),
    ratio('HTTP/2 / HTTP/1.1, per second (bar: at least 0.8)', found.http2, found.http1),
    row('gRPC unary calls, 32 at once', found.grpc, 'calls'),
    row('WebSockets, 1 KB messages, bare pipe', found.webSocketBare, 'messages'),
    row('WebSockets, 1 KB messages, gateway', found.webSocket, 'messages'),
    ratio('WebSocket messages, gateway / bare', found.webSocket, found.webSocketBare),
  ]
}

if (import.meta.main)
  process.stdout.write(
    `${describeProtocols(await measureProtocols(Number(process.env['BENCH_SECONDS'] ?? 5), Number(process.env['BENCH_ROUNDS'] ?? 3))).join('\n')}\n`,
  )
