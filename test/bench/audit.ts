/** What the audit log costs and how fast it answers, as rows of `npm run bench`: each bench of `npm run bench:audit` in a process of its own. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { AuditAsking } from './audit-query.ts'
import type { VerifyRun } from './audit-verify.ts'
import type { AuditWriting } from './audit-write.ts'

export interface AuditFigures {
  readonly writing: AuditWriting
  readonly asking: AuditAsking
  /** A smaller log, and one that is ten times as large. */
  readonly verifying: readonly VerifyRun[]
}

const run = <Figures>(file: string, env: Readonly<Record<string, string>> = {}): Figures =>
  JSON.parse(
    execFileSync(process.execPath, ['--no-warnings', join(import.meta.dirname, file), '--json'], {
      encoding: 'utf8',
      env: { ...env, ...process.env },
    }),
  ) as Figures

/** An index of 10,000,000 records takes minutes to build: BENCH_RECORDS says of how many. */
export function measureAudit(): AuditFigures {
  return {
    writing: run<AuditWriting>('audit-write.ts', { BENCH_RECORDS: '400000' }),
    asking: run<AuditAsking>('audit-query.ts', { BENCH_RECORDS: '1000000' }),
    verifying: run<readonly VerifyRun[]>('audit-verify.ts'),
  }
}

export function describeAudit({ writing, asking, verifying }: AuditFigures): readonly string[] {
  const line = (name: string, value: string) => `  ${name.padEnd(56)} ${value}`
  const whole = (value: number) => Math.round(value).toLocaleString('en')
  const [small, large] = verifying
  return [
    'the audit log',
    line('durable records of 1 KB (bar: at least 20,000/s)', `${whole(writing.perSecond)}/s`),
    line('the same / plain lines, as durable (bar: at least 0.6)', (writing.perSecond / writing.plainPerSecond).toFixed(2)),
    line('a reply waits at 5,000/s, p99 (bar: at most 10 ms)', `${writing.p99Ms.toFixed(1)} ms (p50 ${writing.p50Ms.toFixed(1)} ms)`),
    line('CPU per record (bar: 10 µs without its tree)', `${writing.cpuMicrosPerRecord.toFixed(1)} µs, tree and checkpoints included`),
    line(`memory after ${whole(writing.records)} records (bar: 128 MiB more)`, `${writing.grownMiB.toFixed(0)} MiB more`),
    line('start on a full write-ahead file (bar: 1,000 ms)', `${writing.startMs.toFixed(0)} ms`),
    line('verified (bar: at least 200,000/s)', `${whole(((large?.records ?? 0) / (large?.ms ?? 1)) * 1000)}/s`),
    line('memory of verifying ten times as many (bar: at most 1.5)', ((large?.megabytes ?? 0) / (small?.megabytes ?? 1)).toFixed(2)),
    line('index keeps up (bar: at least 5,000/s)', `${whole(asking.keepUpPerSecond)}/s (built with ${whole(asking.buildPerSecond)}/s)`),
    line(
      `slowest first page of ${whole(asking.records)} records (bar: 200 ms)`,
      `${asking.slowestFirstMs.toFixed(1)} ms (${asking.slowest})`,
    ),
  ]
}
