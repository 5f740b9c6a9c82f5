/** Joins the shadow policy with where it is reported: metrics, the operational log, the audit record. */
import type { Config } from '../config/index.ts'
import type { Policy } from '../core/index.ts'
import {
  createEvaluationThread,
  createPolicy,
  namingFiles,
  type PolicyOptions,
  type PolicyStation,
  preparePrograms,
  readRules,
} from '../policy/index.ts'
import { createShadowPolicy, type InForce, unlessAborted } from '../rollout/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export type ShadowNote = (type: 'difference' | 'shadow', facts: Readonly<Record<string, string | number | boolean>>) => void

type ShadowSeries = ReturnType<typeof createShadowSeries>

/** There whether a shadow is configured or not: what is scraped has the same names everywhere. */
export function createShadowSeries(metrics: Metrics) {
  const differences = metrics.labelledCounter(
    'sallyport_policy_differences_total',
    'Requests that the shadow policy decides otherwise.',
    'enforced',
    ['true', 'false'],
  )
  const skipped = metrics.counter(
    'sallyport_policy_comparisons_skipped_total',
    'Requests on which the shadow policy was not compared: too many waited, it looks at a body that the active policy did not read, or another policy came meanwhile.',
  )
  return { differences, skipped }
}

export interface ShadowOptions {
  /** sallyport.yaml, for messages. */
  readonly file: string
  readonly settings: NonNullable<Config['policy']['shadow']>
  /** What it has in common with the active policy. */
  readonly shared: Omit<PolicyOptions, 'maxEvaluationMs' | 'onFailure' | 'thread'>
  readonly active: PolicyStation
  readonly note: ShadowNote
  readonly logger: Logger
  readonly series: ShadowSeries
}

export interface ShadowStatus {
  readonly revision: string | null
  readonly enforcePercent: number
  readonly problem: string | null
}

export interface Shadow {
  /** The active policy, which is compared with the shadow. */
  readonly withShadow: Policy
  /** The active policy changed: until it was prepared for the same manifests and data, the shadow is not asked. */
  setAside(): void
  /** For what is in force now. `false`: its rules are bad. Rejects where the signal is aborted. */
  prepare(inForce: InForce, signal: AbortSignal): Promise<boolean>
  status(): ShadowStatus
  /** `null` while it decides nothing: set aside, or not ready. */
  decidingRevision(): string | null
  close(): Promise<void>
}

export function createShadow({ file, settings, shared, active, note, logger, series }: ShadowOptions): Shadow {
  const { rulesFolder, enforcePercent, maxEvaluationMs } = settings
  const thread = createEvaluationThread((error) =>
    logger.error({ err: error }, 'the thread that compares the shadow policy has ended; it starts again after a pause'),
  )
  const station = createPolicy({
    ...shared,
    maxEvaluationMs,
    thread,
    onFailure: (kind, error) => logger.warn({ kind, err: error }, 'the shadow policy failed'),
  })
  // A shadow that was prepared for other manifests or data than the active ones could allow what these no longer allow.
  const state = { problem: null as string | null, isCurrent: false }
  const withShadow = createShadowPolicy({
    active,
    shadow: station,
    decideApart: station.decideApart,
    isReady: () => state.isCurrent,
    enforcePercent,
    onSkipped: () => series.skipped.inc(),
    onDifference({ request, claim, active: decision, shadow: other, enforced }) {
      series.differences.inc({ enforced: String(enforced) })
      note('difference', {
        id: request.id,
        integration: request.integration.name,
        kind: request.kind,
        action: request.action,
        origin: claim.origin ?? '',
        path: typeof claim.subject['path'] === 'string' ? claim.subject['path'].slice(0, 1000) : '',
        active: decision.allow,
        activeRule: decision.rule,
        activeReasons: decision.reasons.join('; ').slice(0, 500),
        shadow: other.allow,
        shadowRule: other.rule,
        shadowReasons: other.reasons.join('; ').slice(0, 500),
        shadowRevision: other.revision,
        enforced,
      })
    },
  })
  return {
    withShadow,
    setAside() {
      state.isCurrent = false
    },
    async prepare({ integrations, bundles }, signal) {
      try {
        const prepared = await namingFiles(file, rulesFolder, async () =>
          unlessAborted(signal, preparePrograms({ integrations, bundles, rules: await readRules(rulesFolder) }, [station], signal)),
        )
        prepared.activate()
        state.problem = null
        state.isCurrent = true
        note('shadow', { revision: prepared.revision, enforcePercent })
        return true
      } catch (error) {
        if (signal.aborted) throw signal.reason
        state.problem = (error as Error).message
        note('shadow', { problem: state.problem.slice(0, 1000), enforcePercent: 0 })
        logger.error(
          { problem: state.problem },
          'the rules of the shadow policy are bad: they are compared with nothing and decide nothing',
        )
        return false
      }
    },
    decidingRevision: () => (state.isCurrent ? station.revision() : null),
    status: () => ({ revision: station.revision(), enforcePercent, problem: state.problem }),
    close: thread.close,
  }
}
