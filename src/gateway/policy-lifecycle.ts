/** Joins what governs: the policy, its candidate, their history, and who is told when one of them changes. */
import { type BundleSet, type BundleStatus, createDelivery, type Server } from '../bundles/index.ts'
import { type Config, requireKnown } from '../config/index.ts'
import type { Integration, JsonObject, Outside, Policy } from '../core/index.ts'
import type { Directory } from '../manifests/index.ts'
import { type Compile, failureKinds, type LibrarySource } from '../opa/index.ts'
import { createAsk, createEvaluationThread, createPolicy, namingFiles, type PolicyStation, readRules } from '../policy/index.ts'
import { type Compared, describeCompared } from '../reference/index.ts'
import { type Activation, createActivation, createHistory, createStagedPolicy, describeChanges, unlessAborted } from '../rollout/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { ReferenceCounts, Witness } from './witness.ts'

type Note = (
  type: 'activated' | 'rejected' | 'difference' | 'reference' | 'candidate',
  facts: Readonly<Record<string, string | number | boolean>>,
) => void

interface Reporting {
  withMasks(policy: PolicyStation): PolicyStation
  activated(revision: string, bundles: BundleSet): void
  rejected(error: unknown): void
  bundlesChanged(): void
}

export interface GovernOptions {
  readonly config: Config
  readonly manifests: Directory
  readonly compile: Compile
  readonly library: LibrarySource
  /** Holds both policies to OPA's own SDK; `null`: nothing does. */
  readonly witness: Witness | null
  /** As in `PolicyOptions`. */
  readonly harden?: ((wasm: Uint8Array) => Uint8Array) | undefined
  /** Is told of each set, and what it reports is masked by that set's rules. */
  readonly reporting: Reporting
  readonly readContext: (integration: string, origin: string | null) => JsonObject
  /** Answers what rules are granted to ask. */
  readonly outside: Outside
  /** A record in the audit log. */
  readonly note: Note
  readonly logger: Logger
  readonly metrics: Metrics
  /** By the names of `policy.servers`. */
  readonly servers: ReadonlyMap<string, Server>
  /** In the turn of the event loop in which the policy changed. */
  readonly onActivated: (integrations: readonly Integration[]) => void
  /** The candidate has followed: what it decides may be decided otherwise now. */
  readonly onCandidate: () => void
}

interface ReferenceStatus extends ReferenceCounts {
  /** Of the policy that decides. */
  readonly activation: Compared | null
}

export interface Government {
  /** What the path asks: the active policy, and the candidate beside it where there is one. */
  readonly policy: Policy
  readonly activation: Activation
  revision(): string | null
  bundles(): readonly BundleStatus[]
  /** Bundles are brought from now on. */
  follow(): void
  close(): Promise<void>
  /** Of the active policy: what may not be meant so. */
  warnings(): readonly string[]
  /** `null`: nothing is compared. */
  reference(): ReferenceStatus | null
  /** `null`: none is configured. */
  candidate(): { readonly revision: string | null; readonly enforcePercent: number; readonly problem: string | null } | null
}

export function createGovernment(options: GovernOptions): Government {
  const { config, manifests, compile, library, witness, reporting, readContext, outside, note, logger, metrics, onActivated, onCandidate } =
    options
  const failures = metrics.labelledCounter('sallyport_policy_failures_total', 'Failed evaluations; each denied.', 'kind', failureKinds)
  const { maxMemoryPages, maxEvaluationMs, grants } = config.policy
  const shared = {
    ...(options.harden && { harden: options.harden }),
    cacheFolder: config.state.policies,
    compile,
    library,
    readContext,
    maxMemoryPages,
    grants,
    ask: createAsk(outside),
    witness: witness?.reference,
  }
  const policy = reporting.withMasks(
    createPolicy({
      ...shared,
      maxEvaluationMs,
      onFailure(kind, error) {
        failures.inc({ kind })
        logger.warn({ kind, err: error }, 'the policy failed on a request, which was denied')
      },
    }),
  )
  const differences = metrics.labelledCounter(
    'sallyport_policy_differences_total',
    'Requests that the candidate decides otherwise.',
    'enforced',
    ['true', 'false'],
  )
  const skipped = metrics.counter(
    'sallyport_policy_comparisons_skipped_total',
    'Requests on which the candidate was not compared: too many waited, it looks at a body that the active policy did not read, or another policy came meanwhile.',
  )
  const candidate = config.policy.candidate === null ? null : createCandidate(config.policy.candidate)

  function createCandidate({ rulesFolder, enforcePercent, maxEvaluationMs }: NonNullable<Config['policy']['candidate']>) {
    const thread = createEvaluationThread((error) =>
      logger.error({ err: error }, 'the thread that compares the candidate has ended; it starts again after a pause'),
    )
    const station = createPolicy({
      ...shared,
      maxEvaluationMs,
      thread,
      onFailure: (kind, error) => logger.warn({ kind, err: error }, 'the candidate policy failed'),
    })
    // One that was made for other manifests or data than those in force would allow what they took away.
    const state = { problem: null as string | null, isCurrent: false }
    const staged = createStagedPolicy({
      active: policy,
      candidate: station,
      decideApart: station.decideApart,
      isReady: () => state.isCurrent,
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
          path: typeof claim.subject['path'] === 'string' ? claim.subject['path'].slice(0, 1000) : '',
          active: active.allow,
          activeRule: active.rule,
          activeReasons: active.reasons.join('; ').slice(0, 500),
          candidate: other.allow,
          candidateRule: other.rule,
          candidateReasons: other.reasons.join('; ').slice(0, 500),
          candidateRevision: other.revision,
          enforced,
        })
      },
    })
    async function prepare(integrations: readonly Integration[], bundles: BundleSet, signal: AbortSignal): Promise<void> {
      try {
        const prepared = await namingFiles(config.file, rulesFolder, async () =>
          unlessAborted(signal, station.prepare(integrations, await readRules(rulesFolder), bundles, signal)),
        )
        prepared.activate()
        state.problem = null
        state.isCurrent = true
        onCandidate()
        note('candidate', { revision: prepared.revision, enforcePercent })
      } catch (error) {
        if (signal.aborted) throw signal.reason
        state.problem = (error as Error).message
        note('candidate', { problem: state.problem.slice(0, 1000), enforcePercent: 0 })
        logger.error({ problem: state.problem }, 'the candidate rules are bad: they are compared with nothing and decide nothing')
      }
    }
    return {
      staged,
      prepare,
      setAside() {
        state.isCurrent = false
      },
      status: () => ({ revision: station.revision(), enforcePercent, problem: state.problem }),
      close: thread.close,
    }
  }

  const inRules = <T>(work: () => Promise<T>) => namingFiles(config.file, config.policy.rulesFolder, work)
  const activation = createActivation({
    directory: manifests,
    policy: { revision: policy.revision, prepare: (...given) => inRules(() => policy.prepare(...given)) },
    history: createHistory(config.state.history),
    readRules: () => inRules(() => readRules(config.policy.rulesFolder)),
    bundles: {
      names: config.policy.bundles.map(({ name }) => name),
      areFetched: config.policy.bundles.some(({ place }) => place.kind === 'server'),
      load: () => delivery.load(),
    },
    requireKnown: (integrations) => requireKnown(config, integrations),
    onActivated(integrations, taken, bundles) {
      candidate?.setAside()
      onActivated(integrations)
      delivery.activated(bundles)
      if (taken === null) {
        logger.warn('there is no policy yet, and everything is denied: a bundle was never here')
        return
      }
      const { revision, how, by, isNews } = taken
      const changed = describeChanges(taken.changed)
      reporting.activated(revision, bundles)
      // What was read again and is the same says nothing to an auditor; tokens are no part of it, and have their own record.
      if (!isNews && how === 'reload') return
      const compared = policy.compared()
      const reference = compared === null ? 'off' : describeCompared(compared)
      note('activated', {
        revision,
        integrations: integrations.length,
        how,
        by,
        reference,
        ...(how !== 'start' && changed !== '' && { changed }),
        ...(policy.warnings().length > 0 && { warnings: policy.warnings().join('\n').slice(0, 1000) }),
      })
      logger.info({ revision, integrations: integrations.length, how, by }, 'policy active')
      for (const problem of policy.warnings()) logger.warn({ problem }, 'the policy is active, and rules look at data that is not there')
    },
    onUnlisted: (revision, error) =>
      logger.error({ revision, err: error }, 'the revision decides, and the list of revisions cannot be written'),
    async afterwards(integrations, bundles, signal) {
      await delivery.keep()
      await candidate?.prepare(integrations, bundles, signal)
    },
    onRejected(problem, error) {
      if (error !== null) reporting.rejected(error)
      note('rejected', { problem: problem.slice(0, 1000) })
      logger.error({ problem }, 'the new manifests, rules or bundles are bad: the last good set stays active')
    },
  })
  const bundleFailures = metrics.labelledCounter(
    'sallyport_bundle_failures_total',
    'Tries to fetch, verify or activate a bundle that failed.',
    'bundle',
    config.policy.bundles.map(({ name }) => name),
  )
  const delivery = createDelivery({
    bundles: config.policy.bundles,
    servers: config.policy.servers.flatMap((one) => {
      const server = options.servers.get(one.name)
      return server === undefined ? [] : [{ config: one, server }]
    }),
    folder: config.state.bundles,
    offer: activation.offer,
    onStatus: reporting.bundlesChanged,
    onFailure({ name, problem, isNew, kind }) {
      bundleFailures.inc({ bundle: name })
      // `onRejected` has told what does not go with the rest; the same problem is told once, however often it is met.
      if (!isNew || kind === 'activation') return
      if (kind === 'bundle') note('rejected', { bundle: name, problem: problem.slice(0, 1000) })
      logger.error({ bundle: name, problem }, 'the bundle cannot be fetched or used: the last good one stays active')
    },
    onUnwatched: (error) => logger.warn({ err: error }, 'changes of a bundle cannot be watched, and are looked for from time to time'),
    onUnkept: (name, error) => logger.error({ bundle: name, err: error }, 'the bundle cannot be kept for a start without its server'),
  })
  const startedAt = Date.now()
  const fetched = new Set(config.policy.bundles.filter(({ place }) => place.kind === 'server').map(({ name }) => name))
  metrics.labelledGauge('sallyport_bundle_age_seconds', 'Since a bundle was last fetched, or said to be the newest.', 'bundle', () => {
    const ages = new Map<string, number>()
    for (const { name, lastSuccessfulRequest: last } of delivery.statuses())
      if (fetched.has(name)) ages.set(name, (Date.now() - (last === null ? startedAt : Date.parse(last))) / 1000)
    return ages
  })
  return {
    policy: candidate?.staged ?? policy,
    activation,
    revision: policy.revision,
    bundles: delivery.statuses,
    follow: delivery.start,
    async close() {
      await Promise.all([delivery.close(), activation.close()])
      await candidate?.close()
    },
    warnings: () => policy.warnings(),
    reference: () => (witness === null ? null : { ...witness.counts(), activation: policy.compared() }),
    candidate: () => candidate?.status() ?? null,
  }
}
