/** One scheduled review: what was recorded since the one before, with what that one knew; and what of it is news. */
import { createHash } from 'node:crypto'
import type { WebhookConfig } from '../config/index.ts'
import { createCompile, createLibrarySource, gatewayFolders, libraryIn } from '../opa/index.ts'
import { readLogName } from '../records/index.ts'
import { openChecks } from './checks.ts'
import { addReported } from './facts.ts'
import type { Finding } from './finding.ts'
import { format, type Kept, readKept, writeKept } from './kept.ts'
import { createLocalTime } from './local-hours.ts'
import { type Reviewed, review } from './review.ts'
import { createRevisions, type RevisionFolders } from './revisions.ts'
import { readSettings } from './settings.ts'
import { deliver, type Message } from './webhook.ts'

/** What a run is given. */
export interface RunSettings {
  /** Of the log. */
  readonly folder: string
  /** What the run before left, and this one leaves. */
  readonly keptFile: string
  readonly checks: string | null
  readonly settings: string | null
  readonly webhook: WebhookConfig | null
  readonly revisions: RevisionFolders
  /** Of the compiler, and of what it compiled. */
  readonly compiler: string
  readonly policies: string
  /** How far the first review looks back for what is not baseline. */
  readonly everyMs: number
  /** News of one run; the rest is left to the next. */
  readonly maxNews: number
}

/** What a run has found. */
export interface RunResult {
  readonly since: string
  readonly until: string
  readonly records: number
  readonly unreadable: number
  readonly findings: number
  /** Those that no review has found before. */
  readonly news: readonly Finding[]
}

export interface Run {
  readonly result: RunResult
  /** Once the result is durable in the log: keeps what is known, and posts what is news. */
  conclude(): Promise<{ readonly waiting: number; readonly problem: string | null }>
}

/** Messages that wait for a receiver; beyond it the oldest go. The log has them. */
const maxWaiting = 10_000

/** Throws `CheckError`, `RegoError`, `CompilerMissing`, and what the file system throws. */
export async function runScheduled(run: RunSettings): Promise<Run> {
  const { folder, keptFile, everyMs, compiler, policies, maxNews } = run
  const { origin } = await readLogName(folder)
  const before = await readKept(keptFile)
  // Another log has another history.
  const kept = before?.origin === origin ? before : null
  const settings = await readSettings(run.settings)
  const folders = gatewayFolders(compiler)
  const ask = await openChecks({
    ...{ folder: run.checks, settings, cacheFolder: policies },
    compile: createCompile(folders),
    library: createLibrarySource(libraryIn(folders)),
  })
  const nowMs = Date.now()
  const until = new Date(nowMs).toISOString()
  const reviewed = await review({
    ...{ folder, until, ask, known: kept?.facts },
    since: kept?.until ?? new Date(nowMs - everyMs).toISOString(),
    local: createLocalTime(settings.officeHours.timeZone),
    revisions: createRevisions(run.revisions),
  })
  const news = reviewed.findings.filter(({ id }) => !reviewed.facts.reported.has(id)).slice(0, maxNews)
  const { since, records, unreadable, findings } = reviewed
  const result = { since, until, records, unreadable, findings: findings.length, news }
  return { result, conclude: () => conclude(run, { origin, result, reviewed, outbox: kept?.outbox ?? [] }) }
}

interface Concluded {
  readonly origin: string
  readonly result: RunResult
  readonly reviewed: Reviewed
  readonly outbox: readonly Message[]
}

async function conclude({ keptFile, webhook }: RunSettings, { origin, result, reviewed, outbox }: Concluded) {
  const { facts } = reviewed
  // Recorded by a run that was killed before it came to this.
  const recovered = facts.recorded.splice(0)
  for (const { id } of result.news) addReported(facts, id)
  const keep = (left: readonly Message[]): Promise<void> =>
    writeKept(keptFile, { format, origin, until: result.until, facts, outbox: left } satisfies Kept)
  if (webhook === null) {
    await keep([])
    return { waiting: 0, problem: null }
  }
  const messages = [
    ...outbox,
    ...[...recovered, ...result.news].map((finding) => findingMessage(finding, result)),
    completedMessage(result),
  ]
  const waiting = messages.slice(-maxWaiting)
  await keep(waiting)
  const { left, problem } = await deliver(webhook, waiting)
  await keep(left)
  return { waiting: left.length, problem }
}

/** Its id is made of the finding's, so that it is the same whenever it is sent. */
function findingMessage(finding: Finding, { until }: RunResult): Message {
  const id = `finding_${createHash('sha256').update(finding.id).digest('hex').slice(0, 32)}`
  return { id, type: 'review.finding', timestamp: until, data: finding }
}

function completedMessage({ news, ...told }: RunResult): Message {
  return { id: `review_${told.until}`, type: 'review.completed', timestamp: told.until, data: { ...told, newFindings: news.length } }
}
