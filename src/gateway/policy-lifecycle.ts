/** How a policy comes into force: from folders, bundles or the history. */
import type { Delivery } from '../bundles/index.ts'
import { type Config, requireKnown } from '../config/index.ts'
import type { Directory } from '../manifests/index.ts'
import { namingFiles, readRules } from '../policy/index.ts'
import { type Activation, createActivation, createHistory } from '../rollout/index.ts'
import type { Logger } from '../telemetry/index.ts'
import type { ActivationListener, InForce } from './activation-listener.ts'
import type { Policies } from './policies.ts'
import type { Reporting } from './reporting.ts'

export interface PolicyLifecycleOptions {
  readonly config: Config
  readonly manifests: Directory
  readonly policies: Policies
  readonly delivery: Delivery
  readonly reporting: Reporting
  /** In this order. */
  readonly onActivated: readonly ActivationListener[]
  /** After them, one after the other, while the next activation waits. */
  readonly postActivate: readonly ((inForce: InForce, signal: AbortSignal) => Promise<void>)[]
  /** A record in the audit log. */
  readonly note: (type: 'rejected', facts: Readonly<Record<string, string>>) => void
  readonly logger: Logger
}

export interface PolicyLifecycle {
  readonly activation: Activation
  /** Bundles are fetched from now on. */
  follow(): void
  close(): Promise<void>
}

export function createPolicyLifecycle(options: PolicyLifecycleOptions): PolicyLifecycle {
  const { config, manifests, policies, delivery, reporting, onActivated, postActivate, note, logger } = options
  const { active, shadow } = policies
  const inRules = <T>(work: () => Promise<T>) => namingFiles(config.file, config.policy.rulesFolder, work)
  const activation = createActivation({
    directory: manifests,
    policy: {
      revision: active.revision,
      prepare: (...given) =>
        inRules(async () => {
          const policy = await active.prepare(...given)
          // Masks that do not compile reject the whole set: without them more would be reported than the author wants.
          const masks = await reporting.masks?.prepare(...given)
          return {
            revision: policy.revision,
            activate() {
              policy.activate()
              masks?.activate()
            },
          }
        }),
    },
    history: createHistory(config.state.history),
    readRules: () => inRules(() => readRules(config.policy.rulesFolder)),
    bundles: {
      names: config.policy.bundles.map(({ name }) => name),
      areFetched: config.policy.bundles.some(({ place }) => place.kind === 'server'),
      load: delivery.load,
    },
    requireKnown: (integrations) => requireKnown(config, integrations),
    onActivated(integrations, activated, bundles) {
      for (const hear of onActivated) hear({ integrations, activated, bundles })
    },
    async postActivate(integrations, activated, bundles, signal) {
      for (const follow of postActivate) await follow({ integrations, activated, bundles }, signal)
    },
    onUnlisted: (revision, error) =>
      logger.error({ revision, err: error }, 'the revision decides, and the list of revisions cannot be written'),
    onRejected(problem, error) {
      if (error !== null) reporting.rejected(error)
      note('rejected', { problem: problem.slice(0, 1000) })
      logger.error({ problem }, 'the new manifests, rules or bundles are bad: the last good set stays active')
    },
  })
  return {
    activation,
    follow: () => delivery.start({ offer: activation.offer, onStatus: reporting.bundlesChanged }),
    async close() {
      await Promise.all([delivery.close(), activation.close()])
      await shadow?.close()
    },
  }
}
