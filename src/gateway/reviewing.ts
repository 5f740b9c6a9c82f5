/** Joins scheduled reviews of the log: when they run, and how what they find is recorded and told. */
import { stat } from 'node:fs/promises'
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { Finding, ReviewRun, RunResult } from '../review/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface Reviewing {
  start(): Promise<void>
  /** A review that is under way is ended: the next one does it again. */
  close(): Promise<void>
}

export interface ReviewingOptions {
  readonly config: Config
  readonly audit: Pick<AuditStation, 'note' | 'noted'>
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Of one run: beyond it, findings are counted in `reviewed` and found again by the next run. */
const maxRecorded = 1000

/** Nothing is started, and nothing loaded, where no review is configured. */
export function createReviewing({ config, audit, logger, metrics }: ReviewingOptions): Reviewing {
  const severities = ['high', 'medium', 'low']
  const found = metrics.labelledCounter(
    'sallyport_review_findings_total',
    'Findings of scheduled reviews that are new.',
    'severity',
    severities,
  )
  const failures = metrics.counter(
    'sallyport_review_failures_total',
    'Scheduled reviews that failed; what they would have found is not known.',
  )
  const { review } = config.audit
  if (review === null) return { start: async () => {}, close: async () => {} }
  const { everyMs } = review
  const ended = { isClosing: false, timer: null as NodeJS.Timeout | null, run: null as ReviewRun | null }

  async function record({ news, since, until, records, findings }: RunResult): Promise<void> {
    const { findingRecord } = await import('../review/index.ts')
    for (const finding of news) {
      audit.note('finding', findingRecord(finding))
      found.inc({ severity: finding.severity })
      tell(finding)
    }
    audit.note('reviewed', { since, until, records, findings, newFindings: news.length })
    await audit.noted()
  }

  function tell({ id, severity, title, why, integration }: Finding): void {
    logger[severity === 'low' ? 'info' : 'warn']({ finding: id, severity, integration, why }, `a review of the audit log: ${title}`)
  }

  async function run(): Promise<void> {
    ended.timer = null
    try {
      const { startReview } = await import('../review/index.ts')
      if (ended.isClosing) return
      const { state, audit: log, integrationsFolder: integrations, defaults } = config
      ended.run = startReview(
        {
          ...{
            folder: log.folder,
            keptFile: state.review,
            everyMs,
            compiler: state.compiler,
            policies: state.policies,
            maxNews: maxRecorded,
          },
          ...{ checks: review?.checks ?? null, settings: review?.settings ?? null, webhook: review?.webhook ?? null },
          revisions: { history: state.history, integrations, defaults },
        },
        record,
      )
      const { waiting, problem } = await ended.run.done
      if (problem !== null)
        logger.warn({ waiting, problem }, 'the webhook of reviews takes nothing; what waits is posted after the next one')
    } catch (error) {
      if (!ended.isClosing) fail(error as Error)
    }
    ended.run = null
    schedule(everyMs)
  }

  function fail(error: Error): void {
    failures.inc()
    logger.error({ err: error }, 'a scheduled review of the audit log failed')
  }

  function schedule(inMs: number): void {
    if (!ended.isClosing) ended.timer = setTimeout(() => void run(), inMs).unref()
  }

  return {
    async start() {
      const last = await stat(config.state.review).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      )
      // A gateway that is started often is reviewed all the same; one that starts has other work for a while.
      schedule(Math.min(everyMs, Math.max(everyMs / 10, last + everyMs - Date.now())))
    },
    async close() {
      ended.isClosing = true
      if (ended.timer !== null) clearTimeout(ended.timer)
      ended.run?.kill()
      await ended.run?.done.catch(() => {})
    },
  }
}
