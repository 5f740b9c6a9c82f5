/** Joins what is reported to OPA's services: decisions and status, the servers they go to, and where failures are logged. */
import { randomUUID } from 'node:crypto'
import type { BundleStatus, Server } from '../bundles/index.ts'
import type { Config } from '../config/index.ts'
import type { DecisionLog, Json, JsonObject, Needs, RedactionSettings } from '../core/index.ts'
import type { Compile, LibrarySource } from '../opa/index.ts'
import {
  createDecisionLog,
  createLocalStatus,
  createMaskPolicy,
  createStatus,
  type DecisionLogUploader,
  eventOutcomes,
  type MaskPolicy,
  type PostResult,
  type StatusReporter,
} from '../reporting/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { ActivationListener } from './activation-listener.ts'

export interface ReportingOptions {
  readonly config: Config
  readonly version: string
  /** By the names of `policy.servers`. */
  readonly servers: ReadonlyMap<string, Server>
  readonly compile: Compile
  readonly library: LibrarySource
  readonly redact: { text(text: string): string; of(own: RedactionSettings): { text(text: string): string; document(value: Json): Json } }
  /** Of the policy that decides. */
  readonly needs: () => Needs
  readonly readContext: (integration: string, origin: string | null) => JsonObject
  /** Of the configured bundles. */
  readonly bundles: () => readonly BundleStatus[]
  readonly logger: Logger
  readonly metrics: Metrics
}

export interface Reporting {
  readonly decisionLog: DecisionLog | null
  /** The rules that mask what is reported: they are prepared with the policy, and change in the same turn. `null`: nothing is. */
  readonly masks: MaskPolicy | null
  readonly activated: ActivationListener
  rejected(error: unknown): void
  bundlesChanged(): void
  /** Sends what is left within a bounded time. */
  close(): Promise<void>
}

/** However long live work may take to end: a pod is not given much more. */
const maxFlushMs = 5000

export function createReporting(options: ReportingOptions): Reporting {
  const { config, version, servers, compile, library, redact, needs, readContext, bundles, logger, metrics } = options
  const { decisionLog, status, maxMemoryPages } = config.policy
  const labels = { id: randomUUID(), version, ...config.policy.labels }
  const counts = Object.fromEntries(eventOutcomes.map((outcome) => [outcome, 0])) as Record<(typeof eventOutcomes)[number], number>
  const events = metrics.labelledCounter(
    'sallyport_decision_log_events_total',
    'Decisions by what became of their report.',
    'outcome',
    eventOutcomes,
  )
  const uploads = metrics.labelledCounter(
    'sallyport_decision_log_uploads_total',
    'Uploads of the decision log by how they ended.',
    'result',
    results,
  )
  const reports = metrics.labelledCounter('sallyport_status_reports_total', 'Reports of status by how they ended.', 'result', results)
  metrics.gauge('sallyport_decision_log_buffer_bytes', 'Events that wait to be sent.', () => log?.bufferBytes() ?? 0)

  const local = createLocalStatus()
  let revisions = {}
  let lastUpload: PostResult | null = null
  const reported = createProblemLog(logger)
  const report = (what: string, problem: string | null) => (problem === null ? reported.solved(what) : reported.problem(what, problem))
  const log = decisionLog === null ? null : createLog(decisionLog)
  const reporter = status === null ? null : createReporter(status)

  function serverOf(name: string): Server {
    const server = servers.get(name)
    // The configuration's schema has checked it.
    if (server === undefined) throw new Error(`there is no server ${name}`)
    return server
  }

  function createLog(given: NonNullable<Config['policy']['decisionLog']>): DecisionLogUploader & { readonly masks: MaskPolicy } {
    const { maxEvaluationMs } = given
    const masks = createMaskPolicy({
      cacheFolder: config.state.policies,
      grants: config.policy.grants.builtins,
      ...{ compile, library, maxMemoryPages, maxEvaluationMs },
    })
    const station = createDecisionLog({
      ...given,
      server: serverOf(given.server),
      labels,
      redact,
      evaluateMasks: masks.evaluate,
      needs,
      readContext,
      bundles: () => revisions,
      onOutcome(outcome, count) {
        counts[outcome] += count
        events.inc({ outcome }, count)
      },
      onFailure: (error) =>
        reported.problem('masks', `a decision cannot be masked, and is reported without its input and result: ${(error as Error).message}`),
      onUpload(result) {
        uploads.inc({ result: result.outcome })
        report('decision log', result.problem)
        const changed = lastUpload?.problem !== result.problem
        lastUpload = result
        if (changed) reporter?.changed()
      },
    })
    return { ...station, masks }
  }

  function createReporter(given: NonNullable<Config['policy']['status']>): StatusReporter {
    return createStatus({
      ...given,
      server: serverOf(given.server),
      labels,
      bundles: () => [local.read(), ...bundles()],
      uploads: () => (log === null ? null : { last: lastUpload, counters: counts }),
      maskText: redact.text,
      onResult(result) {
        reports.inc({ result: result.outcome })
        report('status', result.problem)
      },
    })
  }

  return {
    decisionLog: log,
    masks: log?.masks ?? null,
    activated({ activated, bundles: set }) {
      if (activated === null) return
      const { revision } = activated
      reported.solved('masks')
      local.activated(revision)
      const fromBundles = [...set].map(([name, bundle]) => [name, { revision: bundle.revision }])
      revisions = { local: { revision }, ...Object.fromEntries(fromBundles) }
      reporter?.changed()
    },
    rejected(error) {
      local.rejected(error)
      reporter?.changed()
    },
    bundlesChanged: () => reporter?.changed(),
    async close() {
      const flushMs = Math.min(maxFlushMs, config.drainTimeoutMs)
      await log?.close(flushMs)
      if (counts.stopped > 0) logger.warn({ events: counts.stopped }, 'decisions were not reported before the end; the audit log has them')
      await reporter?.close(flushMs)
    },
  }
}

const results = ['taken', 'refused', 'failed']

/** Logs each problem once, until it changes or is solved: a server that is unreachable would fill the log. */
function createProblemLog(logger: Logger) {
  const last = new Map<string, string>()
  return {
    problem(what: string, problem: string) {
      if (last.get(what) === problem) return
      last.set(what, problem)
      logger.warn({ report: what, problem }, 'a report fails; no request is affected')
    },
    solved(what: string) {
      if (last.delete(what)) logger.info({ report: what }, 'reports are taken again')
    },
  }
}
