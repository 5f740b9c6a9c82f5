/** `npm run bench`: the gateway against a bare pass-through on the same Node and undici, alternating in one run; ratios on the terminal, all figures in bench.json. */
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOriginCertificate } from '../support/certificates.ts'
import { describeAudit, measureAudit } from './audit.ts'
import { describeContainment, measureContainment } from './containment.ts'
import { describeDashboard, measureDashboard } from './dashboard.ts'
import { type LoadResult, load, loadTool } from './load.ts'
import { type Measured, median, start, untilListening } from './process.ts'
import { describeProtocols, measureProtocols } from './protocols.ts'
import { describeShares, measureShares } from './shares.ts'
import { describeSlowBytes, measureSlowBytes } from './slow-bytes.ts'
import { tlsLoad } from './tls-load.ts'
import { describeWatching, measureWatching } from './watching.ts'

const seconds = Number(process.env['BENCH_SECONDS'] ?? 5)
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
const firstPort = Number(process.env['BENCH_FIRST_PORT'] ?? 19_000)
const ports = { origin: firstPort + 80, originTls: firstPort + 443, bare: firstPort + 1, gateway: firstPort + 128, health: firstPort + 282 }
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const proxyAuthorization = `Basic ${Buffer.from('bench:bench-token').toString('base64')}`
const here = import.meta.dirname
const command = join(here, '../../bin/sallyport.js')

function writeFiles(): void {
  mkdirSync(join(folder, 'integrations'))
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${ports.gateway}" }]\nadmin: { health: "127.0.0.1:${ports.health}" }\nhttp: { originCa: ./origin-ca.crt }\nlog: { level: warn }\n`,
  )
  // Every limit is on and counted; none is reached.
  writeFileSync(
    join(folder, 'integrations/bench.yaml'),
    `apiVersion: sallyport/v1\nkind: Integration\nname: bench\nowner: bench\nidentity: { tokens: [{ sha256: ${hash('sha256', 'bench-token')} }] }
network:
  - { hosts: [127.0.0.1], ports: [${ports.origin}], tls: none, methods: [GET], paths: [/v1/**], addresses: [127.0.0.0/8] }
  - { hosts: [localhost], ports: [${ports.originTls}], tls: intercept, methods: [GET], paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }
limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s }, bytesOut: { rate: 100GB/s }, concurrency: 10000 }\n`,
  )
}

interface Round extends LoadResult {
  readonly cpuMicrosPerRequest: number
}

function measure(target: Measured, proxyPort: number, connections: number, newPaths = false): Promise<Round> {
  const url = `http://127.0.0.1:${ports.origin}/v1/items`
  return measured(target, () => load({ proxyPort, url, proxyAuthorization, connections, seconds, newPaths }))
}

async function measured(target: Measured, work: () => Promise<LoadResult>): Promise<Round> {
  const before = target.cpuSeconds()
  const result = await work()
  if (result.failures > 0) throw new Error(`${result.failures} requests failed`)
  return { ...result, cpuMicrosPerRequest: ((target.cpuSeconds() - before) * 1e6) / (result.requestsPerSecond * seconds) }
}

/** Connections that have each had one answer, and stay open. */
function holdConnections(port: number, count: number): Promise<Socket[]> {
  const request = `GET http://127.0.0.1:${ports.origin}/v1/items HTTP/1.1\r\nHost: 127.0.0.1:${ports.origin}\r\nProxy-Authorization: ${proxyAuthorization}\r\n\r\n`
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => socket.write(request))
          socket.once('data', () => resolve(socket)).once('error', reject)
        }),
    ),
  )
}

/** The id of a request that the policy denies. */
function deniedRequest(): Promise<string> {
  const path = `http://127.0.0.1:${ports.origin}/elsewhere`
  return new Promise((resolve, reject) => {
    request({ port: ports.gateway, path, headers: { 'proxy-authorization': proxyAuthorization } }, (res) => {
      res.resume()
      resolve(String(res.headers['sallyport-request-id']))
    })
      .once('error', reject)
      .end()
  })
}

/** How long a command takes; the median of five. */
function timed(...words: readonly string[]): number {
  return median(
    Array.from({ length: 5 }, () => {
      const began = performance.now()
      execFileSync(process.execPath, [command, ...words], { stdio: 'pipe' })
      return performance.now() - began
    }),
  )
}

const of = (list: readonly Round[], key: keyof Round) => median(list.map((item) => item[key]))

writeFiles()
const rules = join(folder, 'rules')
mkdirSync(rules)
writeFileSync(join(rules, 'a.rego'), 'package sallyport.rules\n\ndeny contains "no deletes" if input.http.method == "DELETE"\n')
const origin = await createOriginCertificate(folder, 'localhost')
const upstream = start(join(here, 'upstream.ts'), [String(ports.origin), String(ports.originTls), origin.folder])
const bare = start(join(here, 'bare.ts'), [String(ports.bare), `http://127.0.0.1:${ports.origin}`])
await Promise.all([untilListening(ports.origin), untilListening(ports.originTls), untilListening(ports.bare)])
// Once before, as every start but the first after an installation: what is compiled is kept.
const first = start(command, ['run', '--config', join(folder, 'sallyport.yaml')])
await untilListening(ports.gateway)
await first.stop()
const gateway = start(command, ['run', '--config', join(folder, 'sallyport.yaml')])
const readyMs = await untilListening(ports.gateway)
const idleRssMiB = gateway.rssMiB()

try {
  const busy: { bare: Round[]; gateway: Round[] } = { bare: [], gateway: [] }
  const fresh: { bare: Round[]; gateway: Round[] } = { bare: [], gateway: [] }
  const single: { bare: Round[]; gateway: Round[] } = { bare: [], gateway: [] }
  const openConnections = await holdConnections(ports.gateway, 1000)
  const rssMiBWith1000Open = gateway.rssMiB()
  for (const socket of openConnections) socket.destroy()
  await measure(bare, ports.bare, 32)
  await measure(gateway, ports.gateway, 32)
  for (let round = 0; round < rounds; round += 1) {
    busy.bare.push(await measure(bare, ports.bare, 32))
    busy.gateway.push(await measure(gateway, ports.gateway, 32))
    fresh.bare.push(await measure(bare, ports.bare, 32, true))
    fresh.gateway.push(await measure(gateway, ports.gateway, 32, true))
    single.bare.push(await measure(bare, ports.bare, 1))
    single.gateway.push(await measure(gateway, ports.gateway, 1))
  }
  const plain: Round[] = []
  const intercepted: Round[] = []
  const ca = readFileSync(join(folder, 'state/ca/ca.crt'), 'utf8')
  const shared = { proxyPort: ports.gateway, proxyAuthorization, connections: 32, seconds }
  for (let round = 0; round < Math.min(3, rounds); round += 1) {
    const [http, https] = [`http://127.0.0.1:${ports.origin}/v1/items`, `https://localhost:${ports.originTls}/v1/items`]
    plain.push(await measured(gateway, () => tlsLoad({ ...shared, ca: null, url: http })))
    intercepted.push(await measured(gateway, () => tlsLoad({ ...shared, ca, url: https })))
  }
  const busyRssMiB = gateway.rssMiB()
  await load({ ...shared, connections: 1000, url: `http://127.0.0.1:${ports.origin}/v1/items` })
  const report = {
    tool: loadTool,
    node: process.version,
    seconds,
    rounds,
    ratios: {
      requestsPerSecond: of(busy.gateway, 'requestsPerSecond') / of(busy.bare, 'requestsPerSecond'),
      newPathsRequestsPerSecond: of(fresh.gateway, 'requestsPerSecond') / of(fresh.bare, 'requestsPerSecond'),
      cpuPerRequest: of(busy.gateway, 'cpuMicrosPerRequest') / of(busy.bare, 'cpuMicrosPerRequest'),
      interceptedToPlain: of(intercepted, 'requestsPerSecond') / of(plain, 'requestsPerSecond'),
    },
    commands: {
      versionMs: timed('--version'),
      policyCheckMs: timed('policy', 'check', rules),
      explainMs: timed('policy', 'explain', await deniedRequest(), '--config', join(folder, 'sallyport.yaml')),
    },
    gateway: {
      readyMs,
      idleRssMiB,
      busyRssMiB,
      rssMiBWith1000Open,
      rssMiBAfterLoadOn1000: gateway.rssMiB(),
      p50MsAtOneConnection: of(single.gateway, 'p50Ms'),
    },
    bare: { p50MsAtOneConnection: of(single.bare, 'p50Ms') },
    rounds32: busy,
    rounds32NewPaths: fresh,
    rounds1: single,
    throughNodesClient: { plain, intercepted },
    bareRssMiB: bare.rssMiB(),
  }
  await Promise.all([gateway.stop(), bare.stop(), upstream.stop()])
  const shares = await measureShares(Math.min(3, seconds), Math.min(3, rounds))
  const protocols = await measureProtocols(seconds, Math.min(3, rounds))
  const slowBytes = await measureSlowBytes()
  const containment = await measureContainment(rounds)
  const watching = await measureWatching(seconds, rounds)
  const dashboard = await measureDashboard(Math.max(5, seconds))
  const audit = measureAudit()
  writeFileSync(
    'bench.json',
    `${JSON.stringify({ ...report, protocols, shares, slowBytes, containment, watching, dashboard, audit }, null, 2)}\n`,
  )
  process.stdout.write(
    `${[summary(report), ...describeProtocols(protocols), ...describeShares(shares), ...describeSlowBytes(slowBytes), ...describeContainment(containment), ...describeWatching(watching), ...describeDashboard(dashboard), ...describeAudit(audit), '  all figures: bench.json'].join('\n')}\n`,
  )
} finally {
  await Promise.all([gateway.stop(), bare.stop(), upstream.stop()])
  rmSync(folder, { recursive: true, force: true })
}

function summary({
  ratios,
  commands,
  gateway,
  bare,
  rounds32,
  throughNodesClient,
}: {
  ratios: Record<string, number>
  commands: Record<string, number>
  gateway: Record<string, number>
  bare: Record<string, number>
  rounds32: { bare: Round[]; gateway: Round[] }
  throughNodesClient: { plain: Round[]; intercepted: Round[] }
}): string {
  const line = (name: string, value: string) => `  ${name.padEnd(46)} ${value}`
  const row = (name: string, list: readonly Round[]) =>
    line(
      name,
      `${Math.round(of(list, 'requestsPerSecond'))} requests/s, p50 ${of(list, 'p50Ms').toFixed(2)} ms, p99 ${of(list, 'p99Ms').toFixed(2)} ms, ${Math.round(of(list, 'cpuMicrosPerRequest'))} µs CPU per request`,
    )
  const figure = (value: number | undefined, digits = 2) => (value ?? Number.NaN).toFixed(digits)
  return [
    `32 connections, 1 KB replies, ${loadTool}, medians of ${rounds} alternating rounds of ${seconds} s`,
    row('bare pass-through', rounds32.bare),
    row('gateway', rounds32.gateway),
    line('gateway / bare, requests/s (bar: at least 0.65)', figure(ratios['requestsPerSecond'])),
    line('the same, each request a new path', figure(ratios['newPathsRequestsPerSecond'])),
    line('gateway / bare, CPU per request (bar: at most 1.68)', figure(ratios['cpuPerRequest'])),
    line(
      'p50 at one connection (bar: at most 1 ms)',
      `${figure(gateway['p50MsAtOneConnection'])} ms (bare ${figure(bare['p50MsAtOneConnection'])} ms)`,
    ),
    row('gateway, Node’s own client', throughNodesClient.plain),
    row('gateway with interception, the same client', throughNodesClient.intercepted),
    line('intercepted / plain, requests/s', figure(ratios['interceptedToPlain'])),
    line('start to ready (bar: at most 800 ms)', `${figure(gateway['readyMs'], 0)} ms`),
    line('sallyport --version (bar: at most 300 ms)', `${figure(commands['versionMs'], 0)} ms`),
    line('policy check, the same rules again (bar: 2000 ms)', `${figure(commands['policyCheckMs'], 0)} ms`),
    line('policy explain (bar: at most 2000 ms)', `${figure(commands['explainMs'], 0)} ms`),
    line('RSS idle (bar: at most 100 MiB)', `${figure(gateway['idleRssMiB'], 0)} MiB`),
    line('RSS with 1,000 open connections (bar: 250 MiB)', `${figure(gateway['rssMiBWith1000Open'], 0)} MiB`),
    line('RSS after load on 1,000 connections at once', `${figure(gateway['rssMiBAfterLoadOn1000'], 0)} MiB`),
  ].join('\n')
}
