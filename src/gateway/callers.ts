/** Joins who may come in with what the active manifests say of them. */
import { type Access, type AccessChange, createAccess } from '../access/index.ts'
import type { Config } from '../config/index.ts'
import type { Callers } from '../ingress/index.ts'
import type { IntegrationRegistry } from '../manifests/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface CallersOptions {
  readonly config: Config
  readonly registry: IntegrationRegistry
  /** A record in the audit log. */
  readonly note: (type: 'access' | 'suspended' | 'resumed', facts: Readonly<Record<string, string>>) => void
  /** Resolves once what was noted is on disk. */
  readonly noted: () => Promise<void>
  readonly logger: Logger
  readonly metrics: Metrics
  /** Evaluates again what is open: a token may no longer be valid. */
  readonly reevaluate: () => void
  /** Ends every connection of an integration that may do nothing any more. */
  readonly cut: (integration: string) => void
}

export function createCallers(options: CallersOptions): { readonly access: Access; readonly callers: Callers } {
  const { config, registry, note, noted, logger, metrics, reevaluate, cut } = options
  const access = createAccess({
    file: config.state.access,
    readIdentities: registry.readIdentities,
    onChanges(changes) {
      for (const change of changes) {
        const { type, facts } = recordOf(change)
        note(type, facts)
        logger.warn(facts, said[change.change])
      }
      // What is open is recorded as revoked before the connections end.
      reevaluate()
      for (const { change, integration } of changes) if (change === 'suspended' || change === 'removed') cut(integration)
    },
    recorded: noted,
    onUnkept: (error) => logger.error({ err: error }, 'who may come in cannot be kept: it is in force, and would not outlive a restart'),
  })
  metrics.gauge(
    'sallyport_suspended_integrations',
    'Integrations that an operator has suspended.',
    () => Object.keys(access.status().suspended).length,
  )
  return {
    access,
    callers: {
      get: (name) => (access.tokensOf(name) === null ? undefined : registry.get(name)),
      all: registry.all,
      tokensOf: (name) => access.tokensOf(name) ?? [],
      isToken: access.isToken,
      suspensionOf: access.suspensionOf,
    },
  }
}

const said: Readonly<Record<AccessChange['change'], string>> = {
  admitted: 'an integration has a manifest now, and may come in',
  tokens: 'the tokens of an integration have changed',
  removed: 'an integration has no manifest any more, and may not come in',
  suspended: 'an integration was suspended',
  resumed: 'an integration is no longer suspended',
}

function recordOf(change: AccessChange): {
  readonly type: 'access' | 'suspended' | 'resumed'
  readonly facts: Readonly<Record<string, string>>
} {
  const { integration } = change
  if (change.change === 'suspended' || change.change === 'resumed') {
    const { reason } = change
    const until = change.change === 'suspended' ? change.until : null
    return { type: change.change, facts: { integration, ...(until !== null && { until }), ...(reason !== null && { reason }) } }
  }
  return { type: 'access', facts: { integration, change: change.change } }
}
