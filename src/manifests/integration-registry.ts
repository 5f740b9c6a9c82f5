/** The active integrations by name, and the folder they come from. */
import type { Integration } from '../core/index.ts'
import type { ManifestDefaults, ManifestIdentity } from './decode.ts'
import { type Decoded, decodeManifests, loadIdentities, loadManifests, type Manifests, type ManifestTexts } from './load.ts'

export interface IntegrationRegistry {
  /** Reads the folder as it is now. Throws `ConfigError`. */
  read(): Promise<Manifests>
  /** File name → the integration that the present manifest names, and its tokens; `null` where that cannot be read. Throws `ConfigError` without a folder. */
  readIdentities(): Promise<ReadonlyMap<string, ManifestIdentity | null>>
  /** Texts that were kept, with what they left to sallyport.yaml as it was then. Throws `ConfigError`. */
  decode(texts: ManifestTexts, defaults?: ManifestDefaults): readonly Integration[]
  /** What manifests leave to sallyport.yaml. */
  readonly defaults: ManifestDefaults
  /** Takes effect at once, for every look-up that follows. */
  replace(integrations: readonly Integration[]): void
  names(): readonly string[]
  get(name: string): Integration | undefined
  all(): Iterable<Integration>
}

export function createIntegrationRegistry(folder: string, defaults: ManifestDefaults): IntegrationRegistry {
  let byName: ReadonlyMap<string, Integration> = new Map()
  const decoded: Decoded = new Map()
  return {
    read: () => loadManifests(folder, defaults, decoded),
    readIdentities: () => loadIdentities(folder, defaults, decoded),
    decode: (texts, then = defaults) => decodeManifests(folder, texts, then),
    defaults,
    replace(integrations) {
      byName = new Map(integrations.map((integration) => [integration.name, integration]))
    },
    names: () => [...byName.keys()],
    get: (name) => byName.get(name),
    all: () => byName.values(),
  }
}
