/** The active integrations by name, and the folder they come from. */
import type { Integration } from '../../core/index.ts'
import type { ManifestDefaults } from './decode.ts'
import { type Decoded, decodeManifests, loadManifests, type ManifestSet } from './load.ts'

export interface Directory {
  /** What lies in the folder now. Throws `ConfigError`. */
  readSet(): Promise<ManifestSet>
  /** Texts that were kept. Throws `ConfigError`. */
  decode(texts: Readonly<Record<string, string>>): readonly Integration[]
  /** Takes effect at once, for every look-up that follows. */
  replace(integrations: readonly Integration[]): void
  names(): readonly string[]
  get(name: string): Integration | undefined
  all(): Iterable<Integration>
}

export function createDirectory(folder: string, defaults: ManifestDefaults): Directory {
  let byName: ReadonlyMap<string, Integration> = new Map()
  const decoded: Decoded = new Map()
  return {
    readSet: () => loadManifests(folder, defaults, decoded),
    decode: (texts) => decodeManifests(folder, texts, defaults),
    replace(integrations) {
      byName = new Map(integrations.map((one) => [one.name, one]))
    },
    names: () => [...byName.keys()],
    get: (name) => byName.get(name),
    all: () => byName.values(),
  }
}
