/**
 * `npm run bench:audit`: verifying logs of two sizes, each in a process of its own: records per second, and that the memory does not
 * grow with the log. `--json`: the figures alone, for `npm run bench`. BENCH_VERIFY_RECORDS: of the larger one, of about 900 bytes each.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseVerifierKey, verifyAudit } from '../../src/proof/index.ts'
import { writeTlog } from '../support/tlog-folder.ts'

export interface VerifyRun {
  readonly records: number
  readonly ms: number
  readonly cpuMs: number
  readonly megabytes: number
}

/** A request as gateways record it. */
function recordsOf(count: number): readonly object[] {
  const subject = { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/forecast' }
  const decided = {
    integration: 'weather',
    door: 'proxy',
    peer: '127.0.0.1',
    kind: 'http',
    action: 'GET',
    allow: true,
    rule: 'capability/allow',
    reasons: [],
  }
  const settled = { status: 200, durationMs: 3, complete: true, sentBytes: 0, receivedBytes: 2048 }
  const rest = 'x'.repeat(600)
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0
      ? { type: 'decided', id: `r${index}`, ...decided, subject: { ...subject, query: rest } }
      : { type: 'settled', id: `r${index - 1}`, ...settled, detail: rest },
  )
}

async function verifyHere(folder: string, key: string): Promise<VerifyRun> {
  const [startMs, before] = [performance.now(), process.cpuUsage()]
  const { records, ok, findings } = await verifyAudit(folder, { key: parseVerifierKey(key) })
  if (!ok) throw new Error(JSON.stringify(findings.slice(0, 3)))
  const { user, system } = process.cpuUsage(before)
  return { records, ms: performance.now() - startMs, cpuMs: (user + system) / 1000, megabytes: process.resourceUsage().maxRSS / 1024 }
}

function measure(count: number): VerifyRun {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-verify-'))
  try {
    const { verifierKey } = writeTlog(folder, { records: recordsOf(count), walFrom: count })
    return JSON.parse(
      execFileSync(process.execPath, ['--no-warnings', import.meta.filename, folder, verifierKey], { encoding: 'utf8' }),
    ) as VerifyRun
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const [folder, key] = process.argv.slice(2)
if (folder !== undefined && key !== undefined) process.stdout.write(JSON.stringify(await verifyHere(folder, key)))
else {
  const most = Number(process.env['BENCH_VERIFY_RECORDS'] ?? 500_000)
  const runs = [Math.floor(most / 10), most].map(measure)
  if (process.argv.includes('--json')) process.stdout.write(JSON.stringify(runs))
  else
    for (const { records, ms, cpuMs, megabytes } of runs) {
      const perSecond = Math.round((records / ms) * 1000).toLocaleString('en')
      const perCpuSecond = Math.round((records / cpuMs) * 1000).toLocaleString('en')
      process.stdout.write(
        `verified ${records.toLocaleString('en')} records: ${perSecond}/s (bar: 200,000), ${perCpuSecond} per second of CPU, ${megabytes.toFixed(0)} MB of memory\n`,
      )
    }
}
