/** `npm run bench:telemetry`: what telemetry costs a request, gateways with and without it in turn; and how far the estimate of a request's cost (`cpuMs`) is from the truth. */
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordsIn } from '../support/log-records.ts'
import { load } from './load.ts'
import { type Measured, start, untilListening } from './process.ts'

const seconds = Number(process.env['BENCH_SECONDS'] ?? 4)
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
const ports = { origin: 19_680, collector: 19_618 }
const here = import.meta.dirname
const command = join(here, '../../bin/sallyport.js')
const proxyAuthorization = `Basic ${Buffer.from('bench:bench-token').toString('base64')}`
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))

/** Takes everything that it is sent. */
const collector = createServer((req, res) => void req.resume().on('end', () => res.end('{}'))).listen(ports.collector, '127.0.0.1')

const endpoint = `endpoint: "http://127.0.0.1:${ports.collector}"`
const setups: Readonly<Record<string, string>> = {
  without: '',
  'a tenth of the spans': `telemetry: { otlp: { ${endpoint} } }`,
  'all spans': `telemetry: { otlp: { ${endpoint}, traces: { ratio: 1 } } }`,
  'destinations are told': `telemetry: { traceparent: continue, otlp: { ${endpoint} } }`,
}

interface Running {
  readonly name: string
  readonly gateway: Measured
  readonly port: number
  readonly folder: string
  readonly idleRssMiB: number
}

async function startOne(name: string, config: string, index: number): Promise<Running> {
  const own = join(folder, String(index))
  const [port, health] = [19_630 + index, 19_660 + index]
  mkdirSync(join(own, 'integrations'), { recursive: true })
  writeFileSync(
    join(own, 'sallyport.yaml'),
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${port}" }]\nadmin: { health: "127.0.0.1:${health}" }\nlog: { level: warn }\n${config}\n`,
  )
  writeFileSync(
    join(own, 'integrations/bench.yaml'),
    `apiVersion: sallyport/v1\nkind: Integration\nname: bench\nowner: bench\nidentity: { tokens: [{ sha256: ${hash('sha256', 'bench-token')} }] }
network: [{ hosts: [127.0.0.1], ports: [${ports.origin}], tls: none, methods: [GET], paths: [/v1/**], addresses: [127.0.0.0/8] }]
limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s }, bytesOut: { rate: 100GB/s }, concurrency: 10000 }\n`,
  )
  const gateway = start(command, ['run', '--config', join(own, 'sallyport.yaml')])
  await untilListening(port)
  return { name, gateway, port, folder: own, idleRssMiB: gateway.rssMiB() }
}

/** Microseconds of the gateway's processor time per request. */
async function microsPerRequest({ gateway, port }: Running, path = '/v1/items', connections = 16): Promise<number> {
  const before = gateway.cpuSeconds()
  const url = `http://127.0.0.1:${ports.origin}${path}`
  const { requestsPerSecond, failures } = await load({ proxyPort: port, url, proxyAuthorization, connections, seconds })
  if (failures > 0) throw new Error(`${failures} requests failed`)
  return ((gateway.cpuSeconds() - before) * 1e6) / (requestsPerSecond * seconds)
}

/** Mean `cpuMs` of the records since then, by path. */
function estimatesOf({ folder }: Running, from: number): Readonly<Record<string, number>> {
  const records = recordsIn(join(folder, 'state/audit'))
    .slice(from)
    .map((text) => JSON.parse(text) as Record<string, unknown>)
  const pathOf = new Map(
    records.filter(({ type }) => type === 'decided').map(({ id, subject }) => [id, (subject as { path: string }).path]),
  )
  const settled = records.filter(({ type, id }) => type === 'settled' && pathOf.has(id))
  const byPath = Map.groupBy(settled, ({ id }) => pathOf.get(id) ?? '')
  return Object.fromEntries(
    [...byPath].map(([path, all]) => [path, (all.reduce((sum, { cpuMs }) => sum + Number(cpuMs), 0) * 1000) / all.length]),
  )
}

/** What else the machine does only adds to it. */
const least = (values: readonly number[] = []) => Math.min(...values)

const countOf = ({ folder }: Running) => recordsIn(join(folder, 'state/audit')).length

const upstream = start(join(here, 'upstream.ts'), [String(ports.origin)])
await untilListening(ports.origin)
const all: Running[] = []
try {
  for (const [index, [name, config]] of Object.entries(setups).entries()) all.push(await startOne(name, config, index))
  for (const running of all) await microsPerRequest(running)
  const measured = new Map<string, number[]>(all.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const running of all) measured.get(running.name)?.push(await microsPerRequest(running))
  const base = least(measured.get('without'))
  for (const { name, idleRssMiB } of all) {
    const micros = least(measured.get(name))
    console.log(
      `${name}: ${micros.toFixed(1)} µs of processor per request (${(micros - base).toFixed(1)} more), ${idleRssMiB.toFixed(0)} MiB idle`,
    )
  }
  const [plain] = all as [Running]
  const alone = { '/v1/items': await microsPerRequest(plain), '/v1/large': await microsPerRequest(plain, '/v1/large', 4) }
  const from = countOf(plain)
  await Promise.all([microsPerRequest(plain), microsPerRequest(plain, '/v1/large', 4)])
  const estimates = estimatesOf(plain, from)
  for (const [path, micros] of Object.entries(alone))
    console.log(
      `${path}: ${micros.toFixed(0)} µs of all threads alone; its records say ${estimates[path]?.toFixed(0)} µs of the main thread beside the other`,
    )
} finally {
  for (const { gateway } of all) await gateway.stop()
  await upstream.stop()
  collector.close()
  collector.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
}
