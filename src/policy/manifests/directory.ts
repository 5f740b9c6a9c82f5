/** The active integrations by name, and the folder they come from. */
import type { Integration } from '../../core/index.ts'
import type { ManifestDefaults } from './decode.ts'
import { type Decoded, loadManifests } from './load.ts'

/** `read` and `load` throw `ConfigError`; `replace` takes effect at once, for every look-up that follows. */
export function createDirectory(folder: string, defaults: ManifestDefaults) {
  let byName: ReadonlyMap<string, Integration> = new Map()
  const decoded: Decoded = new Map()
  const read = async () => (await loadManifests(folder, defaults, decoded)).integrations
  const replace = (integrations: readonly Integration[]) => {
    byName = new Map(integrations.map((one) => [one.name, one]))
  }
  return {
    read,
    replace,
    load: async () => replace(await read()),
    loaded: () => [...byName.values()],
    names: () => [...byName.keys()],
    get: (name: string) => byName.get(name),
    all: () => byName.values(),
  }
}
