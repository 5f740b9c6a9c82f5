/** Joins what operators see and do: health, status, metrics of the whole, and the commands of their API. */
import type { Access } from '../access/index.ts'
import { type Admin, createAdmin, type Health } from '../admin/index.ts'
import type { Config } from '../config/index.ts'
import type { ReloadResult } from '../rollout/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { Government } from './policy-lifecycle.ts'

export interface OperatorOptions {
  readonly config: Config
  readonly version: string
  readonly government: Government
  readonly access: Access
  readonly audit: { status(): { readonly broken: boolean }; noted(): Promise<void> }
  readonly state: { readonly ready: boolean; readonly draining: boolean }
  readonly usage: () => AsyncIterable<string>
  /** Names of the integrations in force. */
  readonly integrations: () => readonly string[]
  readonly reload: () => Promise<ReloadResult>
  readonly metrics: Metrics
  readonly logger: Logger
  /** Of each of its servers. */
  readonly maxConnections: number
}

export function createOperator(options: OperatorOptions): Admin {
  const { config, maxConnections, version, government, access, audit, state, usage, integrations, reload, metrics, logger } = options
  const { activation } = government
  metrics.gauge('sallyport_policy_rejected', 'Whether the newest manifests, rules or bundles were rejected and older ones decide.', () =>
    activation.rejected() === null ? 0 : 1,
  )
  metrics.gauge('sallyport_policy_pinned', 'Whether a revision was chosen, so that folders and bundles are not followed.', () =>
    activation.pinned() === null ? 0 : 1,
  )

  const health = (): Health => ({
    ready: state.ready && !state.draining && !audit.status().broken && government.revision() !== null,
    pinned: activation.pinned() !== null,
    checks: {
      policy: government.revision() !== null,
      manifests: activation.rejected() === null,
      audit: !audit.status().broken,
      draining: state.draining,
    },
  })
  return createAdmin({
    ...{ config: config.admin, maxConnections },
    health,
    metrics,
    usage,
    status: () => ({
      version,
      revision: government.revision(),
      pinned: activation.pinned(),
      integrations: integrations(),
      ...access.status(),
      rejected: activation.rejected(),
      warnings: government.warnings(),
      reference: government.reference(),
      candidate: government.candidate(),
      bundles: government.bundles(),
      audit: audit.status(),
      health: health(),
    }),
    activation,
    reload,
    access,
    recorded: audit.noted,
    logger,
  })
}
