/** Joins what governs: the policy, its candidate, their history, and who is told when one of them changes. */
import { join } from 'node:path'
import { type Config, requireKnown } from './config/index.ts'
import type { Integration, JsonObject, Outside, Policy } from './core/index.ts'
import {
  type Activation,
  createActivation,
  createAsk,
  createCompile,
  createHistory,
  createPolicy,
  createStagedPolicy,
  type Directory,
  failureKinds,
  readRules,
} from './policy/index.ts'
import type { Logger, Metrics } from './telemetry/index.ts'

type Note = (
  type: 'activated' | 'rejected' | 'difference' | 'candidate',
  facts: Readonly<Record<string, string | number | boolean>>,
) => void

export interface GovernOptions {
  readonly config: Config
  readonly manifests: Directory
  readonly readContext: (integration: string, origin: string | null) => JsonObject
  /** Answers what rules are granted to ask. */
  readonly outside: Outside
  /** A record in the audit log. */
  readonly note: Note
  readonly logger: Logger
  readonly metrics: Metrics
  /** In the turn of the event loop in which the policy changed. */
  readonly onActivated: (integrations: readonly Integration[]) => void
}

export interface Government {
  /** What the path asks: the active policy, and the candidate beside it where there is one. */
  readonly policy: Policy
  readonly activation: Activation
  revision(): string | null
  /** `null`: none is configured. */
  candidate(): { readonly revision: string | null; readonly enforcePercent: number; readonly problem: string | null } | null
}

export function createGovernment({
  config,
  manifests,
  readContext,
  outside,
  note,
  logger,
  metrics,
  onActivated,
}: GovernOptions): Government {
  const failures = metrics.labelledCounter('sallyport_policy_failures_total', 'Failed evaluations; each denied.', 'kind', failureKinds)
  const cacheFolder = join(config.stateFolder, 'policies')
  const shared = {
    cacheFolder,
    compile: createCompile(),
    readContext,
    maxMemoryPages: config.policy.maxMemoryPages,
    grants: config.policy.grants,
    ask: createAsk(outside),
  }
  const policy = createPolicy({
    ...shared,
    maxEvaluationMs: config.policy.maxEvaluationMs,
    onFailure(kind, error) {
      failures.inc({ kind })
      logger.warn({ kind, err: error }, 'the policy failed on a request, which was denied')
    },
  })
  const differences = metrics.labelledCounter(
    'sallyport_policy_differences_total',
    'Requests that the candidate decides otherwise.',
    'enforced',
    ['true', 'false'],
  )
  const skipped = metrics.counter(
    'sallyport_policy_comparisons_skipped_total',
    'Requests on which the candidate was not asked: too many waited.',
  )
  const candidate = config.policy.candidate === null ? null : createCandidate(config.policy.candidate)

  function createCandidate({ rulesFolder, enforcePercent, maxEvaluationMs }: NonNullable<Config['policy']['candidate']>) {
    const station = createPolicy({
      ...shared,
      maxEvaluationMs,
      onFailure: (kind, error) => logger.warn({ kind, err: error }, 'the candidate policy failed'),
    })
    const state = { problem: null as string | null }
    const staged = createStagedPolicy({
      active: policy,
      candidate: station,
      isReady: () => state.problem === null && station.revision() !== null,
      enforcePercent,
      onSkipped: () => skipped.inc(),
      onDifference({ request, claim, active, candidate: other, enforced }) {
        differences.inc({ enforced: String(enforced) })
        note('difference', {
          id: request.id,
          integration: request.integration.name,
          kind: request.kind,
          action: request.action,
          origin: claim.origin ?? '',
          active: active.allow,
          activeRule: active.rule,
          candidate: other.allow,
          candidateRule: other.rule,
          candidateRevision: other.revision,
          enforced,
        })
      },
    })
    async function prepare(integrations: readonly Integration[]): Promise<void> {
      try {
        const prepared = await station.prepare(integrations, await readRules(rulesFolder))
        prepared.activate()
        state.problem = null
        note('candidate', { revision: prepared.revision, enforcePercent })
      } catch (error) {
        state.problem = (error as Error).message
        note('candidate', { problem: state.problem.slice(0, 1000), enforcePercent: 0 })
        logger.error({ problem: state.problem }, 'the candidate rules are bad: they are compared with nothing and decide nothing')
      }
    }
    return { staged, prepare, status: () => ({ revision: station.revision(), enforcePercent, problem: state.problem }) }
  }

  const activation = createActivation({
    directory: manifests,
    policy,
    history: createHistory(join(cacheFolder, 'history')),
    readRules: () => readRules(config.policy.rulesFolder),
    requireKnown: (integrations) => requireKnown(config, integrations),
    onActivated(integrations, revision) {
      onActivated(integrations)
      note('activated', { revision, integrations: integrations.length })
      logger.info({ revision, integrations: integrations.length }, 'policy active')
    },
    afterwards: async (integrations) => candidate?.prepare(integrations),
    onRejected(problem) {
      note('rejected', { problem: problem.slice(0, 1000) })
      logger.error({ problem }, 'the new manifests or rules are bad: the last good set goes on deciding')
    },
  })
  return { policy: candidate?.staged ?? policy, activation, revision: policy.revision, candidate: () => candidate?.status() ?? null }
}
