/** What one integration at its worst leaves of another: its throughput and p99 beside it, against both alone, in alternating rounds of one run. */
import { createSocket } from 'node:dgram'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOriginCertificate } from '../support/certificates.ts'
import { main, manifest, proxyHeader } from '../support/installation.ts'
import type { Greed, GreedyOptions } from './greedy.ts'
import { insideTunnel } from './inside-tunnel.ts'
import { median, start, untilListening } from './process.ts'

const ports = { origin: 19_380, originTls: 19_381, gateway: 19_328, health: 19_382, names: 19_353, tight: 19_329, tightHealth: 19_383 }
/** Of a gateway of its own, so that one integration can want more than its share. */
const tightDescriptors = 900
const connections = 8
/** Until the greedy one holds what it can get. */
const settleMs = 3000
/** Until the gateway's code for the thing is compiled: what it costs before would count against whoever is measured first. */
const warmSeconds = 5
/** Until what it held is let go. */
const restMs = 1000

export interface Share {
  /** Of the requests per second that it has alone. */
  readonly throughput: number
  /** Times the p99 that it has alone. */
  readonly p99: number
  readonly alone: Pace
  readonly beside: Pace
}

interface Pace {
  readonly requestsPerSecond: number
  readonly p99Ms: number
}

/** `inside`: the authority of a CONNECT that is intercepted, made again for each request. */
type Asked = RequestOptions & { readonly body?: string; readonly inside?: string }

/** What both ask of the thing that they share. */
const asked: Readonly<Record<Exclude<Greed, 'nothing'>, (index: number) => Asked>> = {
  service: () => ({ path: '/services/shared/v1/items' }),
  origin: () => ({ path: `http://127.0.0.1:${ports.origin}/v1/items` }),
  connections: () => ({ path: `http://127.0.0.1:${ports.origin}/v1/items` }),
  lookups: (index) => ({ path: `http://${index}.fast.test:${ports.origin}/v1/items` }),
  bodies: () => ({ path: `http://127.0.0.1:${ports.origin}/v1/items`, method: 'POST', body: '{"a":1}' }),
  files: () => ({ path: '/v1/files/data/hello.txt' }),
  flood: () => ({ path: `http://127.0.0.1:${ports.origin}/v1/items` }),
  descriptors: (index) => ({ path: `http://${index}.fast.test:${ports.origin}/v1/items` }),
  leaves: (index) => ({ path: '/v1/items', inside: `${index % 8}.fast.test:${ports.originTls}` }),
  records: () => ({ path: `http://127.0.0.1:${ports.origin}/v1/items` }),
}

const only = process.env['BENCH_THINGS']?.split(',')
export const sharedThings = (Object.keys(asked) as (keyof typeof asked)[]).filter((thing) => only?.includes(thing) ?? true)

export async function measureShares(seconds: number, rounds: number): Promise<Readonly<Record<keyof typeof asked, Share>>> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-shares-'))
  const origin = await createOriginCertificate(folder, '*.fast.test')
  writeFiles(folder)
  const names = startNames()
  const upstream = start(join(import.meta.dirname, 'upstream.ts'), [String(ports.origin), String(ports.originTls), origin.folder])
  const run = (file: string) => ['run', '--config', join(folder, file)]
  const gateway = start(main, run('sallyport.yaml'))
  const tight = start(main, run('tight.yaml'), { maxDescriptors: tightDescriptors })
  try {
    await Promise.all([ports.origin, ports.originTls, ports.gateway, ports.tight].map(untilListening))
    ca = readFileSync(join(folder, 'state/ca/ca.crt'), 'utf8')
    const shares = {} as Record<keyof typeof asked, Share>
    for (const thing of sharedThings) shares[thing] = await measureShare(thing, seconds, rounds)
    return shares
  } finally {
    await Promise.all([gateway.stop(), tight.stop(), upstream.stop()])
    names.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureShare(thing: keyof typeof asked, seconds: number, rounds: number): Promise<Share> {
  const alone: Pace[] = []
  const beside: Pace[] = []
  await steady(thing, warmSeconds)
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await withGreed(thing, 'nothing', () => steady(thing, seconds)))
    beside.push(await withGreed(thing, thing, () => steady(thing, seconds)))
  }
  const of = (paces: readonly Pace[]): Pace => ({
    requestsPerSecond: median(paces.map((pace) => pace.requestsPerSecond)),
    p99Ms: median(paces.map((pace) => pace.p99Ms)),
  })
  const [quiet, pressed] = [of(alone), of(beside)]
  return {
    throughput: pressed.requestsPerSecond / quiet.requestsPerSecond,
    p99: pressed.p99Ms / quiet.p99Ms,
    alone: quiet,
    beside: pressed,
  }
}

/** What costs the processor's time rather than holds something: no burst stands beside the requests that are measured. */
const busy: ReadonlySet<Greed> = new Set(['leaves', 'records'])

async function withGreed<T>(thing: keyof typeof asked, greed: Greed, work: () => Promise<T>): Promise<T> {
  const options: GreedyOptions = {
    greed,
    proxyPort: portOf(thing),
    originPort: ports.origin,
    originTlsPort: ports.originTls,
    proxyAuthorization: proxyHeader(busy.has(greed) ? 'busy' : 'greedy'),
  }
  const greedy = start(join(import.meta.dirname, 'greedy.ts'), [JSON.stringify(options)])
  await sleep(settleMs)
  try {
    return await work()
  } finally {
    await greedy.stop()
    await sleep(restMs)
  }
}

const portOf = (thing: keyof typeof asked) => (thing === 'descriptors' ? ports.tight : ports.gateway)

let asking = 0
/** Of the gateway's interceptions. */
let ca = ''

/** A caller that asks, waits for the answer and asks again, over a few connections. */
async function steady(thing: keyof typeof asked, seconds: number): Promise<Pace> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const until = performance.now() + seconds * 1000
  const taken: number[] = []
  async function drive(): Promise<void> {
    for (let from = performance.now(); from < until; from = performance.now()) {
      asking += 1
      const status = await statusOf(agent, portOf(thing), asked[thing](asking))
      if (status !== 200) throw new Error(`beside a greedy ${thing}, a request was answered with ${status}`)
      taken.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: connections }, drive))
  agent.destroy()
  taken.sort((a, b) => a - b)
  return { requestsPerSecond: taken.length / seconds, p99Ms: taken[Math.floor(taken.length * 0.99)] ?? Number.NaN }
}

async function statusOf(agent: Agent, proxyPort: number, { body, inside, ...options }: Asked): Promise<number> {
  const proxyAuthorization = proxyHeader('steady')
  const tunnel = inside === undefined ? null : await insideTunnel({ proxyPort, proxyAuthorization, authority: inside, ca })
  const way = tunnel === null ? { port: proxyPort, agent } : { createConnection: () => tunnel }
  return new Promise<number>((resolve, reject) => {
    const headers = {
      host: inside ?? 'localhost',
      ...(inside === undefined && { 'proxy-authorization': proxyAuthorization }),
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': body.length }),
    }
    request({ ...way, headers, ...options }, (res) => {
      res.resume()
      res.once('end', () => resolve(res.statusCode ?? 0))
    })
      .once('error', reject)
      .end(body)
  }).finally(() => tunnel?.destroy())
}

function writeFiles(folder: string): void {
  for (const name of ['integrations', 'rules', 'data']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'data/hello.txt'), 'x'.repeat(1024))
  const config = (state: string, port: number, health: number) =>
    `apiVersion: sallyport/v1
kind: Gateway
listeners: [{ name: shared, address: "127.0.0.1:${port}" }]
admin: { health: "127.0.0.1:${health}" }
state: ${state}
services: [{ name: shared, url: "http://127.0.0.1:${ports.origin}" }]
policy: { rules: ./rules }
http: { originCa: ./origin-ca.crt, dnsServers: ["127.0.0.1:${ports.names}"], maxConnections: 5000 }
log: { level: error }
`
  writeFileSync(join(folder, 'sallyport.yaml'), config('./state', ports.gateway, ports.health))
  writeFileSync(join(folder, 'tight.yaml'), config('./tight', ports.tight, ports.tightHealth))
  writeFileSync(join(folder, 'rules/body.rego'), 'package sallyport.rules\n\ndeny contains "no" if input.http.body.value.no\n')
  const rights = `services: [{ name: shared }]
files: [{ name: data, root: ../data, actions: [read, write] }]
network:
  - { hosts: [127.0.0.1, "*.fast.test", "*.slow.test"], ports: [${ports.origin}], tls: none, addresses: [127.0.0.0/8] }
  - { hosts: ["*.fast.test"], ports: [${ports.originTls}], tls: intercept, addresses: [127.0.0.0/8] }
`
  // What an integration may cost of the processor's time is what its arrivals are; here it is what it holds that is measured.
  writeFileSync(join(folder, 'integrations/greedy.yaml'), manifest('greedy', `${rights}limits: { arrivals: { rate: 100/s, burst: 3000 } }`))
  writeFileSync(join(folder, 'integrations/busy.yaml'), manifest('busy', `${rights}limits: { arrivals: { rate: 100/s } }`))
  writeFileSync(
    join(folder, 'integrations/steady.yaml'),
    manifest('steady', `${rights}limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s } }`),
  )
}

/** Names below fast.test are this machine's; those below slow.test are never answered (RFC 1035 §4). */
function startNames(): { close(): void } {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    if (query.includes('\x04slow\x04test')) return
    const end = query.indexOf(0, 12)
    const isA = query.readUInt16BE(end + 1) === 1
    const head = Buffer.from(query.subarray(0, end + 5))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(isA ? 1 : 0, 6)
    head.writeUInt32BE(0, 8)
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])
    socket.send(isA ? Buffer.concat([head, record]) : head, from.port, from.address)
  })
  socket.bind(ports.names, '127.0.0.1')
  return socket
}

/** Bars: at least 0.9 of the throughput, and at most twice the p99. */
export function describeShares(shares: Awaited<ReturnType<typeof measureShares>>): readonly string[] {
  const pace = ({ requestsPerSecond, p99Ms }: Pace) => `${Math.round(requestsPerSecond)} requests/s, p99 ${p99Ms.toFixed(2)} ms`
  return sharedThings.map((thing) => {
    const { throughput, p99, alone, beside } = shares[thing]
    return `  ${`beside one greedy for ${thing}`.padEnd(46)} ${throughput.toFixed(2)} of the throughput, ${p99.toFixed(2)} times the p99 (alone ${pace(alone)}; beside ${pace(beside)})`
  })
}

if (import.meta.main) {
  const shares = await measureShares(Number(process.env['BENCH_SECONDS'] ?? 5), Number(process.env['BENCH_ROUNDS'] ?? 3))
  process.stdout.write(`${describeShares(shares).join('\n')}\n`)
}
