/**
 * `npm run bench:audit`: what recording costs. Durable records of 1 KB per second beside plain lines, how long a
 * reply waits at 5,000 per second, the CPU of a record, memory over many records, and a start on a full write-ahead file.
 * `--json`: the figures alone, for `npm run bench`.
 */
import { constants, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { arrival, claimOf, decision, openTestLog, request } from '../support/test-log.ts'

const records = Number(process.env['BENCH_RECORDS'] ?? 200_000)
const underWay = 256
const folder = mkdtempSync(join(process.env['BENCH_FOLDER'] ?? tmpdir(), 'sallyport-bench-audit-'))
/** With the rest of a decision, 1 KB. */
const claim = claimOf({ scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: `/v1/${'x'.repeat(700)}` })
export interface AuditWriting {
  readonly perSecond: number
  readonly plainPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly grownMiB: number
  readonly records: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly startMs: number
  readonly startCpuMs: number
}

const maxSegmentBytes = 64 * 1024 * 1024

type Log = Awaited<ReturnType<typeof openTestLog>>

function decide(log: Log, nth: number): Promise<void> | null {
  const entry = log.open(arrival(`bench.${nth}`))
  entry.decided(request, claim, decision)
  return entry.durable()
}

/** What nothing can be faster than: the same lines in the same groups, each group on disk before the next, and no more. */
async function appended(count: number): Promise<number> {
  const file = await open(join(folder, 'plain.jsonl'), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_DSYNC)
  const subject = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: `/v1/${'x'.repeat(700)}` }
  const began = performance.now()
  for (let nth = 0; nth < count; nth += underWay) {
    const lines = Array.from({ length: underWay }, (_, at) =>
      JSON.stringify({ seq: nth + at, time: new Date().toISOString(), ...decision, subject }),
    )
    await file.write(`${lines.join('\n')}\n`)
  }
  await file.close()
  return (count / (performance.now() - began)) * 1000
}

/** `underWay` callers, each with its next record once the one before is on disk. */
async function durably(log: Log, count: number): Promise<void> {
  let nth = 0
  const caller = async () => {
    while (nth < count) await decide(log, nth++)
  }
  await Promise.all(Array.from({ length: underWay }, caller))
}

async function throughput() {
  const log = await openTestLog(join(folder, 'log'), { maxSegmentBytes })
  await durably(log, records / 4)
  const rss = process.memoryUsage().rss
  const [began, cpu] = [performance.now(), process.cpuUsage()]
  await durably(log, records)
  const perSecond = (records / (performance.now() - began)) * 1000
  const { user, system } = process.cpuUsage(cpu)
  await log.close()
  const plain = await appended(records)
  const grownMiB = (process.memoryUsage().rss - rss) / 1024 ** 2
  return { perSecond, plainPerSecond: plain, cpuMicrosPerRecord: (user + system) / records, grownMiB, records }
}

async function latency() {
  const log = await openTestLog(join(folder, 'latency'), { maxSegmentBytes })
  const waits: number[] = []
  const began = performance.now()
  for (let nth = 0; nth < 25_000; ) {
    // What is due by now, at 5,000 per second.
    for (const due = (performance.now() - began) * 5; nth < due; nth += 1) {
      const from = performance.now()
      void decide(log, nth)?.then(() => waits.push(performance.now() - from))
    }
    await delay(1)
  }
  await log.close()
  waits.sort((a, b) => a - b)
  const at = (share: number) => waits[Math.floor(waits.length * share)] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

async function start() {
  const log = await openTestLog(join(folder, 'full'), { maxSegmentBytes: 1e12 })
  await durably(log, maxSegmentBytes / 1024)
  await log.close()
  const [began, cpu] = [performance.now(), process.cpuUsage()]
  const again = await openTestLog(join(folder, 'full'), { maxSegmentBytes: 1e12 })
  await again.ready()
  const { user, system } = process.cpuUsage(cpu)
  const [startMs, startCpuMs] = [performance.now() - began, (user + system) / 1000]
  await again.close()
  return { startMs, startCpuMs }
}

try {
  const figures: AuditWriting = { ...(await throughput()), ...(await latency()), ...(await start()) }
  if (process.argv.includes('--json')) console.log(JSON.stringify(figures))
  else {
    const { perSecond, plainPerSecond, cpuMicrosPerRecord, grownMiB, p50Ms, p99Ms, startMs, startCpuMs } = figures
    console.log(`durable records of 1 KB: ${perSecond.toFixed(0)}/s; plain lines, as durable: ${plainPerSecond.toFixed(0)}/s`)
    console.log(`CPU: ${cpuMicrosPerRecord.toFixed(1)} us per record, tree and checkpoints included`)
    console.log(`memory: ${grownMiB.toFixed(0)} MiB more after ${records} records`)
    console.log(`a reply waits at 5,000/s: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`)
    console.log(`a start on a full write-ahead file of 64 MiB: ${startMs.toFixed(0)} ms, ${startCpuMs.toFixed(0)} ms of CPU`)
    console.log(`files of the log: ${readdirSync(join(folder, 'log'), { recursive: true }).length}`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
