/**
 * `npm run bench:audit`: the index of a log of 10,000,000 records (BENCH_RECORDS): how fast it is built and kept up to date, and
 * how long the first page of each kind of question takes. Records are made up as they are read: a log of that size is 6 GB.
 * `--json`: the figures alone, for `npm run bench`. BENCH_FOLDER keeps the index, and goes on with the one that is there.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type By, type Filter, openIndex } from '../../src/query/index.ts'
import type { readRecords, StoredRecord } from '../../src/records/index.ts'

export interface AuditAsking {
  readonly records: number
  readonly buildPerSecond: number
  readonly keepUpPerSecond: number
  /** Of the question that takes longest, and its name. */
  readonly slowestFirstMs: number
  readonly slowest: string
}

const isJson = process.argv.includes('--json')
const say = (line: string) => {
  if (!isJson) console.log(line)
}
const records = Number(process.env['BENCH_RECORDS'] ?? 10_000_000)
const barMs = 200
const startMs = Date.UTC(2026, 0, 1)
/** Requests are under way at the same time: so many records lie between a decision and its settlement. */
const between = 16

const log = { size: records }

/** The same for the same index. */
function chance(seed: number, salt: number, count: number): number {
  const mixed = Math.imul(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 15)) >>> 0) % count
}

function recordAt(index: number): StoredRecord {
  const isSettlement = index % (between * 2) >= between
  const request = isSettlement ? index - between : index
  const id = `Zk3vQx8aT0Lw.${request.toString(36)}`
  const isDenied = chance(request, 1, 20) === 0
  const time = new Date(startMs + index * 4).toISOString()
  const host = `api${chance(request, 2, 500)}.example${chance(request, 3, 9)}.com`
  const text = isSettlement
    ? `{"seq":${index},"time":"${time}","type":"settled","id":"${id}","status":${isDenied ? 403 : [200, 200, 200, 201, 404, 500][chance(request, 4, 6)]}${isDenied ? ',"problem":"denied","side":"policy"' : ''},"sentBytes":${chance(request, 5, 2000)},"receivedBytes":${chance(request, 6, 90_000)},"durationMs":${chance(request, 7, 90_000) / 1000},"complete":true}`
    : `{"seq":${index},"time":"${time}","type":"decided","id":"${id}","door":"proxy","peer":"10.0.0.${chance(request, 8, 200)}:${20_000 + chance(request, 9, 40_000)}","integration":"integration${chance(request, 10, 50)}","identity":"token","kind":"http","action":"${['GET', 'POST'][chance(request, 11, 2)]}","subject":{"method":"${['GET', 'POST'][chance(request, 11, 2)]}","scheme":"https","host":"${host}","port":443,"path":"/v1/users/${chance(request, 12, 1_000_000)}/${['orders', 'items', 'profile'][chance(request, 13, 3)]}","query":"page=${chance(request, 14, 9)}"},"allow":${!isDenied},"rule":"${isDenied ? 'uncovered' : `network/${chance(request, 15, 30)}`}",${isDenied ? '"reasons":["no capability of the manifest covers this host"]' : '"capability":"network/0"'},"revision":"abcdefabcdef-abcdefabcdef"}`
  return { index, text }
}

const read: typeof readRecords = async function* (_folder, { from = 0 } = {}) {
  for (let at = from; at < log.size; at += 1024)
    yield Array.from({ length: Math.min(1024, log.size - at) }, (_, index) => recordAt(at + index))
}

const middleMs = startMs + (records / 2) * 4
const questions: readonly (readonly [string, Filter])[] = [
  ['the newest', {}],
  ['one decision', { decision: ['deny'] }],
  ['two that are common, and never together', { decision: ['deny'], status: ['200'] }],
  ['three that are never together', { integration: ['integration7'], rule: ['uncovered'], status: ['5xx'] }],
  ['an integration at a host', { integration: ['integration7'], host: ['api7.example7.com'] }],
  ['every name below a domain, denied', { host: ['*.example7.com'], decision: ['deny'] }],
  ['a host that is not there', { host: ['none.example.com'] }],
  ['a path of few', { path: ['/v1/users/777/*'] }],
  ['a path of many', { path: ['/v1/users/*/orders'] }],
  ['a path of none, of common segments', { path: ['/v1/*/orders'] }],
  ['words of few', { text: ['users 4711 orders'] }],
  ['words of many', { text: ['capability of the manifest'] }],
  ['words of none, of common words', { text: ['orders users'] }],
  ['an address', { text: ['10.0.0.7'] }],
  ['the beginning of a word', { text: ['capab*'] }],
  ['an hour in the middle', { since: middleMs, until: middleMs + 3_600_000 }],
  [
    'an hour in the middle, denied, one host',
    { since: middleMs, until: middleMs + 3_600_000, decision: ['deny'], host: ['api7.example7.com'] },
  ],
  ['an hour long ago, nothing in it', { since: middleMs, until: middleMs + 3_600_000, decision: ['refused'] }],
  ['an id', { id: ['Zk3vQx8aT0Lw.0'] }],
]
const sums: readonly (readonly [By, Filter])[] = [
  ['host', {}],
  ['integration', {}],
  ['day', {}],
  ['host', { decision: ['deny'] }],
  ['rule', { since: middleMs, until: middleMs + 3_600_000 }],
]

const folder = process.env['BENCH_FOLDER'] ?? mkdtempSync(join(tmpdir(), 'sallyport-bench-audit-'))
let saidAt = 0
const index = openIndex({
  ...{ log: folder, folder, read, onNotice: console.error },
  onProgress(all) {
    if (Date.now() - saidAt < 15_000) return
    saidAt = Date.now()
    console.error(`${all} records, ${megabytes(process.memoryUsage.rss())} MB of memory`)
  },
})
try {
  const buildPerSecond = await build()
  const keepUpPerSecond = await keepUp()
  let [slowest, slowestFirstMs] = ['', 0]
  for (const [name, filter] of questions) {
    const firstMs = await page(name, filter)
    if (firstMs > slowestFirstMs) [slowest, slowestFirstMs] = [name, firstMs]
  }
  for (const [by, filter] of sums) await sum(by, filter)
  const figures: AuditAsking = { records, buildPerSecond, keepUpPerSecond, slowestFirstMs, slowest }
  if (isJson) console.log(JSON.stringify(figures))
} finally {
  index.close()
  if (process.env['BENCH_FOLDER'] === undefined) rmSync(folder, { recursive: true, force: true })
}

async function build(): Promise<number> {
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  await index.catchUp()
  const { user, system } = process.cpuUsage(cpu)
  const ms = performance.now() - started
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  say(
    `built from ${records} records in ${(ms / 1000).toFixed(1)} s: ${rate(ms, records)} records/s (${((user + system) / records).toFixed(1)} µs of CPU each, with making them up), ${megabytes(bytes)} MB, ${megabytes(process.memoryUsage.rss())} MB of memory`,
  )
  return (records / ms) * 1000
}

/** As a gateway of 5,000 records/s would need it once a second. */
async function keepUp(): Promise<number> {
  const rounds = 10
  const started = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    log.size += 5000
    await index.catchUp()
  }
  const ms = performance.now() - started
  say(`kept up with 5,000 more records at a time: ${(ms / rounds).toFixed(0)} ms each, ${rate(ms, rounds * 5000)} records/s (bar: 5,000)`)
  return (rounds * 5000 * 1000) / ms
}

async function page(name: string, filter: Filter): Promise<number> {
  const times: number[] = []
  let found = 0
  for (let round = 0; round < 5; round += 1) {
    const started = performance.now()
    const { entries } = await index.ask(filter)
    times.push(performance.now() - started)
    found = entries.length
  }
  const [first = 0] = times
  const middle = times.toSorted((a, b) => a - b)[2] ?? 0
  say(
    `${name.padEnd(44)} ${String(found).padStart(3)} rows  first ${first.toFixed(1).padStart(7)} ms  then ${middle.toFixed(1).padStart(7)} ms${first > barMs ? `  OVER ${barMs} ms` : ''}`,
  )
  return first
}

async function sum(by: By, filter: Filter): Promise<void> {
  const started = performance.now()
  const found = await index.sums(filter, by)
  say(
    `${`sums by ${by} ${JSON.stringify(filter)}`.padEnd(44)} ${String(found.length).padStart(3)} rows  ${(performance.now() - started).toFixed(0)} ms`,
  )
}

function rate(ms: number, count: number): string {
  return Math.round((count / ms) * 1000).toLocaleString('en')
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000)
}
