/** What `watch:` costs: CPU per request and throughput of a gateway with it against the same without, alternating; and its memory with many integrations. */
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { rulesFrom } from '../../src/config/index.ts'
import type { AccessRequest, Decision } from '../../src/core/index.ts'
import { createObserver } from '../../src/watch/index.ts'
import { startWatcher, type WatcherProcess } from '../../src/watcher/index.ts'
import { childRunning } from '../support/running.ts'
import { load } from './load.ts'
import { type Measured, median, start, untilListening } from './process.ts'

const ports = { origin: 19_480, bare: 19_481, watched: 19_428, watchedHealth: 19_482, plain: 19_429, plainHealth: 19_483 }
const command = join(import.meta.dirname, '../../bin/sallyport.js')
const proxyAuthorization = `Basic ${Buffer.from('bench:bench-token').toString('base64')}`
const many = { integrations: 1000, destinations: 50, slices: 20, destinationsPerSlice: 5 }

export interface WatchingCosts {
  /** CPU of the gateway and of the process that watches, above that of a gateway without. */
  readonly cpuMicrosPerRequest: number
  /** Of that, of the process that watches, whose share no other load blurs. */
  readonly processMicrosPerRequest: number
  /** Requests per second of a gateway that watches, to one that does not. */
  readonly toPlain: number
  /** Both to a bare pass-through: by how much the ratio falls. */
  readonly ratioFallsBy: number
  /** Of both processes, with 1,000 integrations that have each asked 50 destinations. */
  readonly memory: MemoryMiB
}

interface MemoryMiB {
  /** Of the process that watches, what is its own: at most while slices follow each other without a pause, and after them. */
  readonly most: number
  readonly after: number
  /** Of the gateway, what it counts in. */
  readonly gateway: number
  /** Of the process, all that is in memory: Node’s code, which it shares with the gateway, too. */
  readonly resident: number
}

interface Round {
  readonly requestsPerSecond: number
  readonly cpuMicros: number
}

function writeGateway(folder: string, name: 'watched' | 'plain'): string {
  const own = join(folder, name)
  mkdirSync(join(own, 'integrations'), { recursive: true })
  writeFileSync(
    join(own, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${ports[name]}" }]\nadmin: { health: "127.0.0.1:${ports[`${name}Health`]}" }\nlog: { level: error }\n${name === 'watched' ? 'watch: {}\n' : ''}`,
  )
  writeFileSync(
    join(own, 'integrations/bench.yaml'),
    `apiVersion: sallyport/v1\nkind: Integration\nname: bench\nowner: bench\nidentity: { tokens: [{ sha256: ${hash('sha256', 'bench-token')} }] }
network: [{ hosts: [127.0.0.1], ports: [${ports.origin}], tls: none, methods: [GET], paths: [/v1/**], addresses: [127.0.0.0/8] }]
limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s }, bytesOut: { rate: 100GB/s }, concurrency: 10000 }\n`,
  )
  return join(own, 'sallyport.yaml')
}

function startGateway(folder: string, name: 'watched' | 'plain'): Measured {
  return start(command, ['run', '--config', writeGateway(folder, name)])
}

export async function measureWatching(seconds: number, rounds: number): Promise<WatchingCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-watching-'))
  const upstream = start(join(import.meta.dirname, 'upstream.ts'), [String(ports.origin)])
  const bare = start(join(import.meta.dirname, 'bare.ts'), [String(ports.bare), `http://127.0.0.1:${ports.origin}`])
  const [watched, plain] = [startGateway(folder, 'watched'), startGateway(folder, 'plain')]
  try {
    await Promise.all([ports.origin, ports.bare, ports.watched, ports.plain].map(untilListening))
    const measure = async (port: number, cpuSeconds: () => number): Promise<Round> => {
      const before = cpuSeconds()
      const { requestsPerSecond, failures } = await load({
        proxyPort: port,
        url: `http://127.0.0.1:${ports.origin}/v1/items`,
        proxyAuthorization,
        connections: 32,
        seconds,
      })
      // Whatever is found of this load, it must not be contained.
      if (failures > 0) throw new Error(`${failures} requests failed`)
      return { requestsPerSecond, cpuMicros: ((cpuSeconds() - before) * 1e6) / (requestsPerSecond * seconds) }
    }
    let processSeconds = 0
    const all: Record<'bare' | 'plain' | 'watched', Round>[] = []
    for (let round = -1; round < rounds; round += 1) {
      const processBefore = watched.childCpuSeconds('watcher-process')
      const now = {
        bare: await measure(ports.bare, bare.cpuSeconds),
        plain: await measure(ports.plain, plain.familyCpuSeconds),
        watched: await measure(ports.watched, watched.familyCpuSeconds),
      }
      // The first compiles.
      processSeconds += round < 0 ? 0 : watched.childCpuSeconds('watcher-process') - processBefore
      if (round >= 0) all.push(now)
    }
    // Of each round, whose three were measured one after the other: what else the machine does is in all of them.
    const requests = all.reduce((sum, { watched: { requestsPerSecond } }) => sum + requestsPerSecond * seconds, 0)
    const ofRounds = (figure: (round: Record<'bare' | 'plain' | 'watched', Round>) => number) => median(all.map(figure))
    return {
      cpuMicrosPerRequest: ofRounds((round) => round.watched.cpuMicros - round.plain.cpuMicros),
      processMicrosPerRequest: (processSeconds * 1e6) / requests,
      toPlain: ofRounds((round) => round.watched.requestsPerSecond / round.plain.requestsPerSecond),
      ratioFallsBy: ofRounds((round) => (round.plain.requestsPerSecond - round.watched.requestsPerSecond) / round.bare.requestsPerSecond),
      memory: await measureMemory(folder),
    }
  } finally {
    await Promise.all([watched.stop(), plain.stop(), bare.stop(), upstream.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
}

/** With its code compiled, as at each start of the gateway but the first. */
export async function measureMemory(folder: string): Promise<MemoryMiB> {
  module.enableCompileCache(join(folder, 'compiled'))
  await startOwnWatcher(folder).close()
  const before = heapMiB()
  const observer = createObserver({ onFirstUse: () => {} })
  const watcher = startOwnWatcher(folder)
  let most = 0
  for (let slice = 0; slice < many.slices; slice += 1) {
    pass(observer, slice)
    for (const part of observer.cut()) while (!watcher.take(part)) await sleep(5)
    while (watcher.waiting > 0) await sleep(5)
    most = Math.max(most, processMiB('Private_Dirty'))
  }
  // Until what was learned is written.
  await sleep(2000)
  const after = processMiB('Private_Dirty')
  const resident = processMiB('Rss')
  pass(observer, 0)
  const gateway = Math.max(0, heapMiB() - before)
  await watcher.close()
  return { most: Math.max(most, after), after, gateway, resident }
}

function heapMiB(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed / 2 ** 20
}

function processMiB(name: string): number {
  const rollup = readFileSync(`/proc/${childRunning(process.pid, 'watcher-process')}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024
}

function startOwnWatcher(folder: string): WatcherProcess {
  return startWatcher(
    {
      file: join(folder, 'watch.db'),
      rules: rulesFrom(),
      rulesFor: {},
      timeZone: 'UTC',
      receivers: [],
      resolveAfterMs: 3_600_000,
      gateway: 'bench',
    },
    { onFindings: () => {}, onAlert: () => {}, onReceiver: () => {}, onStatus: () => {}, onLost: () => {}, onEnd: () => {} },
  )
}

/** One request of each integration to five destinations, which are others in the next slice: 5,000 requests, of which none is like another. */
function pass(observer: ReturnType<typeof createObserver>, slice: number): void {
  const [allowed, ended] = [{ allow: true } as Decision, { status: 200, problem: null, durationMs: 5, isTakeover: false }]
  for (let index = 0; index < many.integrations * many.destinationsPerSlice; index += 1) {
    const integration = { name: `integration-${index % many.integrations}`, owner: 'bench' }
    const place = (slice * many.destinationsPerSlice + Math.floor(index / many.integrations)) % many.destinations
    const target = { host: `host-${place}.example.com`, port: 443, path: `/v1/items/${index % 7}` }
    const watched = observer.decided({ kind: 'http', id: `bench.${index}`, at: Date.now(), integration, target } as AccessRequest, allowed)
    watched.receivedBytes += 1000
    observer.settled(watched, null, '', 0, ended)
  }
}

export function describeWatching({
  cpuMicrosPerRequest,
  processMicrosPerRequest,
  toPlain,
  ratioFallsBy,
  memory: { most, after, gateway, resident },
}: WatchingCosts): readonly string[] {
  const line = (name: string, value: string) => `  ${name.padEnd(46)} ${value}`
  return [
    line('watching, CPU per request (bar: at most 5 µs)', `${cpuMicrosPerRequest.toFixed(1)} µs`),
    line('of that, its process', `${processMicrosPerRequest.toFixed(1)} µs`),
    line('watching / not, requests/s', toPlain.toFixed(3)),
    line('by which gateway / bare falls (bar: 0.02)', ratioFallsBy.toFixed(3)),
    line('watching, 1,000 integrations × 50 (bar: 50 MiB)', `${(after + gateway).toFixed(0)} MiB`),
    line('of that, its process', `${after.toFixed(0)} MiB (${resident.toFixed(0)} with Node’s code; ${most.toFixed(0)} while it is busy)`),
  ]
}
