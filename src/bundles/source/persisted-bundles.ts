/** The bundles that a gateway would start with if no server answered: for commands that evaluate without one. */
import type { Config } from '../../config/index.ts'
import { createServerClient } from '../client/index.ts'
import type { BundleSet } from '../format/index.ts'
import { createDelivery } from './delivery.ts'

export interface PersistedBundles {
  readonly bundles: BundleSet
  /** Names of those that were never fetched, or of which the kept copy is bad. */
  readonly missing: readonly string[]
}

/** No packet leaves. Throws `BundleError` where a file or folder is bad. */
export async function persistedBundles({ policy, state }: Pick<Config, 'policy' | 'state'>): Promise<PersistedBundles> {
  const servers = policy.servers.map((config) => ({ config, server: createServerClient(config) }))
  const delivery = createDelivery({
    bundles: policy.bundles,
    servers,
    folder: state.bundles,
    onFailure: () => {},
    onUnwatched: () => {},
    onUnkept: () => {},
  })
  try {
    const bundles = await delivery.load()
    return { bundles, missing: policy.bundles.map(({ name }) => name).filter((name) => !bundles.has(name)) }
  } finally {
    await Promise.all(servers.map(({ server }) => server.close()))
  }
}
