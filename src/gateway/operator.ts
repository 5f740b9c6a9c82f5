/** Joins what operators see and do: health, status, metrics of the whole, and the commands of their API. */
import type { Access } from '../access/index.ts'
import { type Admin, createAdmin, type Health } from '../admin/index.ts'
import type { AuditStation } from '../audit/index.ts'
import type { Delivery } from '../bundles/index.ts'
import type { Config } from '../config/index.ts'
import type { Containment } from '../containment/index.ts'
import type { Integration } from '../core/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import type { Holds } from '../holds/index.ts'
import { createAuthenticate } from '../operators/index.ts'
import type { ReloadResult } from '../rollout/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { createAuthorCommands } from './author-commands.ts'
import type { Containing } from './containing.ts'
import type { Keeping } from './keeping.ts'
import type { Policies } from './policies.ts'
import type { PolicyLifecycle } from './policy-lifecycle.ts'
import type { ReferenceReports } from './reference-reports.ts'
import type { SinkStatus } from './sink-reports.ts'
import type { Rotated } from './trust.ts'
import type { Watching } from './watching.ts'

export interface OperatorOptions {
  readonly config: Config
  readonly version: string
  readonly policies: Policies
  readonly lifecycle: PolicyLifecycle
  readonly delivery: Delivery
  readonly referenceReports: ReferenceReports | null
  /** What may not be meant so in the active rules and masks. */
  readonly warnings: () => readonly string[]
  readonly access: Access
  readonly containment: Containment & Pick<Containing, 'killSwitchWorks'>
  readonly keeping: Pick<Keeping, 'room' | 'archive'>
  readonly shipping: { status(): readonly SinkStatus[] }
  readonly holds: Holds
  readonly watching: Pick<Watching, 'status' | 'ask' | 'conditions'>
  readonly audit: Pick<AuditStation, 'status' | 'note' | 'noted'>
  readonly state: { readonly ready: boolean; readonly draining: boolean }
  readonly usage: () => AsyncIterable<string>
  /** Names of the integrations in force. */
  readonly integrations: () => readonly string[]
  readonly integration: (name: string) => Integration | undefined
  readonly reload: (from: string) => Promise<ReloadResult>
  readonly rotateCa: (overlapMs: number | null) => Promise<Rotated>
  readonly metrics: Metrics
  readonly logger: Logger
  /** Of each of its servers. */
  readonly maxConnections: number
}

export function createOperator(options: OperatorOptions): Admin {
  const { config, maxConnections, version, policies, lifecycle, delivery, referenceReports, warnings } = options
  const { access, containment, audit, holds, keeping, shipping, state, usage, watching, integrations, reload, rotateCa, metrics, logger } =
    options
  const { active, shadow } = policies
  const { activation } = lifecycle
  metrics.gauge('sallyport_policy_rejected', 'Whether the newest manifests, rules or bundles were rejected and older ones decide.', () =>
    activation.rejected() === null ? 0 : 1,
  )
  metrics.gauge('sallyport_policy_pinned', 'Whether a revision was chosen, so that folders and bundles are not followed.', () =>
    activation.pinned() === null ? 0 : 1,
  )

  const isRecorded = () => !audit.status().broken && !audit.status().stalled && keeping.room() !== 'full'
  const health = (): Health => ({
    ready: state.ready && !state.draining && isRecorded() && active.revision() !== null && containment.killSwitchWorks(),
    pinned: activation.pinned() !== null,
    checks: {
      policy: active.revision() !== null,
      manifests: activation.rejected() === null,
      audit: isRecorded(),
      auditRoom: keeping.room() === 'enough',
      killSwitch: containment.killSwitchWorks(),
      draining: state.draining,
    },
  })
  const refused = metrics.counter(
    'sallyport_admin_refused_total',
    'Requests to the operator’s API that proved nothing, or came from a browser.',
  )
  const authenticate = createAuthenticate(config.admin, {
    lookup: createOperatorLookup(),
    onFailure: (error) =>
      logger.warn({ err: error }, 'the keys of the identity provider cannot be fetched: those known stay in use for an hour'),
  })
  return createAdmin({
    ...{ config: config.admin, maxConnections, authenticate },
    onRefused: () => refused.inc(),
    noteRefused: (facts) => audit.note('operator-refused', facts),
    health,
    metrics,
    usage,
    status: () => ({
      version,
      revision: active.revision(),
      pinned: activation.pinned(),
      integrations: integrations(),
      suspended: suspendedIn(containment),
      containment: statesIn(containment),
      ...access.status(),
      rejected: activation.rejected(),
      warnings: warnings(),
      reference: referenceReports === null ? null : { ...referenceReports.counts(), activation: active.compared() },
      shadow: shadow?.status() ?? null,
      bundles: delivery.statuses(),
      audit: { ...audit.status(), sinks: shipping.status() },
      watch: watching.status(),
      health: health(),
    }),
    activation,
    reload,
    rotateCa,
    containment,
    holds,
    archive: keeping.archive,
    watch: watching,
    async recordIncident(facts) {
      audit.note('incident', facts)
      await audit.noted()
    },
    authors: createAuthorCommands(config.file),
    integration: options.integration,
    recorded: audit.noted,
    log: {
      ...{
        folder: config.audit.folder,
        archive: config.audit.archive,
        indexFolder: config.state.auditIndex,
        personal: config.audit.personal,
      },
      ...{ note: audit.note, noted: audit.noted, next: () => audit.status().records },
    },
    note: (facts) => audit.note('acted', facts),
    logger,
  })
}

/** All that are not in the normal state, by name; `*` is everything. */
function statesIn({ list }: Containment) {
  return Object.fromEntries(list().map(({ integration, state }) => [integration, state]))
}

/** By name, as there was before other states. */
function suspendedIn({ list }: Containment) {
  const suspended = list().filter(({ state }) => state === 'suspended')
  return Object.fromEntries(suspended.map(({ integration, since, until, reason }) => [integration, { since, until, reason }]))
}
