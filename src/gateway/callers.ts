/** Joins who may come in with what the active manifests say of them, and with what they are held in. */
import { type Access, type AccessChange, createAccess, readKept } from '../access/index.ts'
import type { Containment } from '../containment/index.ts'
import type { Callers } from '../ingress/index.ts'
import type { IntegrationRegistry } from '../manifests/index.ts'
import { type ContainingOptions, createContaining } from './containing.ts'

export interface CallersOptions extends Omit<ContainingOptions, 'names'> {
  readonly registry: IntegrationRegistry
}

export interface Entrance {
  readonly access: Access
  readonly containment: Containment
  readonly callers: Callers
  /** Reads what was kept of both. Throws an Error that names what cannot be read. */
  start(): Promise<void>
}

export function createCallers(options: CallersOptions): Entrance {
  const { config, registry, note, noted, logger, reevaluate, cut } = options
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
  const containment = createContaining({ ...options, names: access.names })
  return {
    access,
    containment,
    callers: {
      get: (name) => (access.tokensOf(name) === null ? undefined : registry.get(name)),
      all: registry.all,
      tokensOf: (name) => access.tokensOf(name) ?? [],
      isToken: access.isToken,
      containedIn: containment.of,
    },
    async start() {
      const kept = await readKept(config.state.access)
      const { wasKept } = await containment.start(kept?.suspended ?? {})
      if (!wasKept && kept !== null && kept.suspended === undefined)
        logger.warn({ file: config.state.containment }, 'what integrations were held in is not there any more: none is contained')
      // Only now, since it forgets what was taken over.
      await access.start()
    },
  }
}

const said: Readonly<Record<AccessChange['change'], string>> = {
  admitted: 'an integration has a manifest now, and may come in',
  tokens: 'the tokens of an integration have changed',
  removed: 'an integration has no manifest any more, and may not come in',
}
