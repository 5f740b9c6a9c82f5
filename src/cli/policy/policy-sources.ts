/** Manifests and rules by the name of their revision; "latest" is what lies in the folders, "active" what was activated last. */
import { persistedBundles } from '../../bundles/index.ts'
import type { Config } from '../../config/index.ts'
import { createIntegrationRegistry } from '../../manifests/index.ts'
import { type PolicySet, readRules } from '../../policy/index.ts'
import { createHistory } from '../../rollout/index.ts'
import { CommandError, exitCodes } from '../exit.ts'

/** Throws `CommandError` for a name that nothing is kept of, `ConfigError` for manifests that are bad. */
export async function readNamedSet(config: Config, name: string): Promise<PolicySet & { readonly name: string }> {
  const registry = createIntegrationRegistry(config.integrationsFolder, config.defaults)
  if (name === 'latest') {
    const read = await registry.read()
    const { bundles } = await persistedBundles(config)
    return { name, ...read, rules: await readRules(config.policy.rulesFolder), bundles }
  }
  const { revision, activations: _activations, ...kept } = await readKept(config, name)
  return { name: revision, ...kept, integrations: registry.decode(kept.manifests, kept.defaults) }
}

/** Of the history, with each time that it came to decide. Throws `CommandError`. */
export async function readKept(config: Config, name: string) {
  const history = createHistory(config.state.history)
  const activations = await readable(() => history.list())
  const revision = name === 'active' ? activations[0]?.revision : name
  if (revision === undefined)
    throw new CommandError('no revision was active yet: the history begins when the gateway first starts', exitCodes.unavailable)
  if (!activations.some((activation) => activation.revision === revision))
    throw new CommandError(
      `the revision "${revision}" is unknown; "sallyport policy list" shows those that are kept, and "latest" is what lies in the folders`,
      exitCodes.usage,
    )
  return {
    revision,
    activations: activations.filter((activation) => activation.revision === revision),
    ...(await readable(() => history.read(revision))),
  }
}

/** What is kept may belong to another user, or was changed since: said in its own words, without a stack. */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw new CommandError((error as Error).message)
  }
}
