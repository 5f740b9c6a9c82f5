/** Joins who may come in with what the active manifests say of them, and with what they are held in. */
import { type Access, type AccessChange, createAccess, readKept } from '../access/index.ts'
import { createExchanges, type ExchangesStation } from '../connections/index.ts'
import type { Identified } from '../core/index.ts'
import { type Callers, identified } from '../ingress/index.ts'
import type { IntegrationRegistry } from '../manifests/index.ts'
import { type Containing, type ContainingOptions, createContaining } from './containing.ts'

export interface CallersOptions extends Omit<ContainingOptions, 'names' | 'stop'> {
  readonly registry: IntegrationRegistry
}

export interface Entrance {
  readonly access: Access
  readonly containment: Containing
  readonly callers: Callers
  readonly exchanges: ExchangesStation
  /** The integration that the policy makes external calls as; `null`: none may. */
  identifyPolicy(): Identified | null
  /** Reads what was kept of both. Throws an Error that names what cannot be read. */
  start(): Promise<void>
}

export function createCallers(options: CallersOptions): Entrance {
  const { config, registry, note, noted, logger, reevaluate, cut } = options
  const exchanges = createExchanges()
  const access = createAccess({
    file: config.state.access,
    readIdentities: registry.readIdentities,
    onChanges(changes) {
      for (const change of changes) {
        const facts = { integration: change.integration, change: change.change }
        note('access', facts)
        logger.warn(facts, said[change.change])
      }
      // What is open is recorded as revoked before the connections end.
      reevaluate()
      for (const { change, integration } of changes) if (change === 'removed') cut(integration)
    },
    recorded: noted,
    onUnkept: (error) => logger.error({ err: error }, 'who may come in cannot be kept: it is in force, and would not outlive a restart'),
  })
  const containment = createContaining({ ...options, names: access.names, stop: exchanges.stop })
  const callers: Callers = {
    get: (name) => (access.tokensOf(name) === null ? undefined : registry.get(name)),
    all: registry.all,
    tokensOf: (name) => access.tokensOf(name) ?? [],
    isToken: access.isToken,
    containedIn: containment.of,
  }
  return {
    ...{ access, containment, exchanges, callers },
    identifyPolicy() {
      const { integration: grantee } = config.policy.grants
      const integration = grantee === null ? undefined : callers.get(grantee)
      return integration === undefined ? null : identified(callers, integration, 'policy')
    },
    async start() {
      const kept = await readKept(config.state.access)
      const { wasKept } = await containment.start(kept?.suspended ?? {})
      if (!wasKept && kept !== null && kept.suspended === undefined)
        logger.warn({ file: config.state.containment }, 'what integrations were held in is not there any more: none is contained')
      // Only now, since it forgets what was taken over.
      await access.start()
      await containment.watchKillSwitch()
    },
  }
}

const said: Readonly<Record<AccessChange['change'], string>> = {
  admitted: 'an integration has a manifest now, and may come in',
  tokens: 'the tokens of an integration have changed',
  removed: 'an integration has no manifest any more, and may not come in',
}
