/** How a policy comes into force: from folders, bundles or the history. */
import type { Delivery } from '../bundles/index.ts'
import { type Config, requireKnown } from '../config/index.ts'
import type { IntegrationRegistry } from '../manifests/index.ts'
import { namingFiles, preparePrograms, readRules } from '../policy/index.ts'
import { type Activation, createActivation, createHistory, type InForce } from '../rollout/index.ts'
import type { Logger } from '../telemetry/index.ts'
import { type ActivationListener, callEach } from './activation-listener.ts'
import type { Policies } from './policies.ts'
import type { Reporting } from './reporting.ts'

export interface PolicyLifecycleOptions {
  readonly config: Config
  readonly registry: IntegrationRegistry
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
  const { config, registry, policies, delivery, reporting, onActivated, postActivate, note, logger } = options
  const { active, shadow } = policies
  // Without their masks more would be reported than the author wants: they come into force with the policy, or neither does.
  const masks = reporting.masks === null ? [] : [reporting.masks]
  const inRules = <T>(work: () => Promise<T>) => namingFiles(config.file, config.policy.rulesFolder, work)
  const activation = createActivation({
    registry,
    revision: active.revision,
    prepare: (set, signal) => inRules(() => preparePrograms(set, [active, ...masks], signal)),
    history: createHistory(config.state.history),
    readRules: () => inRules(() => readRules(config.policy.rulesFolder)),
    bundles: {
      names: config.policy.bundles.map(({ name }) => name),
      areFetched: config.policy.bundles.some(({ place }) => place.kind === 'server'),
      load: delivery.load,
    },
    requireKnown: (integrations) => requireKnown(config, integrations),
    onActivated(inForce) {
      callEach(onActivated, inForce, (error) =>
        logger.error({ err: error }, 'a part of the gateway did not take an activation over; restart the gateway, and report this'),
      )
    },
    async postActivate(inForce, signal) {
      for (const follow of postActivate) await follow(inForce, signal)
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
