/** The manifests of revisions, where they are at hand: what an activation newly allows, and which capabilities there are. */
import { LRUCache } from 'lru-cache'
import type { Integration } from '../core/index.ts'
import { createIntegrationRegistry, diffManifests, type IntegrationChange, type ManifestDefaults } from '../manifests/index.ts'
import { createHistory } from '../rollout/index.ts'
import type { Change } from './integration-facts.ts'

/** Where a gateway keeps them. */
export interface RevisionFolders {
  readonly history: string
  readonly integrations: string
  readonly defaults: ManifestDefaults
}

export interface Revisions {
  /** Ids of an integration's capabilities; `null`: the revision is not at hand. */
  granted(revision: string | null, integration: string): Promise<readonly string[] | null>
  /** In words, with the capability before each; `null`: one of the two revisions is not at hand. */
  newlyAllowed(change: Change, integration: string): Promise<readonly string[] | null>
}

/** A copy of the log alone has none. */
export const noRevisions: Revisions = { granted: async () => null, newlyAllowed: async () => null }

export function createRevisions({ history: folder, integrations, defaults }: RevisionFolders): Revisions {
  const history = createHistory(folder)
  const registry = createIntegrationRegistry(integrations, defaults)
  // Each may have ten thousand manifests.
  const read = new LRUCache<string, Promise<ReadonlyMap<string, Integration> | null>>({ max: 4 })

  /** `null` too where what is kept was changed or cannot be read: what it allowed is then not known. */
  async function integrationsOf(revision: string): Promise<ReadonlyMap<string, Integration> | null> {
    try {
      const { manifests, defaults: then } = await history.read(revision)
      return new Map(registry.decode(manifests, then).map((integration) => [integration.name, integration]))
    } catch {
      return null
    }
  }

  function of(revision: string | null) {
    if (revision === null) return Promise.resolve(null)
    const known = read.get(revision) ?? integrationsOf(revision)
    read.set(revision, known)
    return known
  }

  return {
    async granted(revision, name) {
      const all = await of(revision)
      if (all === null) return null
      const { network = [], services = [], files = [] } = all.get(name) ?? {}
      return [...network, ...services, ...files].map(({ id }) => id)
    },
    async newlyAllowed(change, name) {
      const [before, after] = [await of(change.before), await of(change.revision)]
      if (before === null || after === null) return null
      const only = (all: ReadonlyMap<string, Integration>) => [...all.values()].filter((integration) => integration.name === name)
      return diffManifests(only(before), only(after)).flatMap(grown)
    },
  }
}

/** What was widened, requests that are no longer seen, and limits that were raised. */
function grown({ capabilities, fields }: IntegrationChange): readonly string[] {
  const wider = capabilities.flatMap(({ after, coveredBy, newlyAllowed, changed }) =>
    coveredBy === null ? [...newlyAllowed, ...changed.filter((what) => what.includes('→ tunnel'))].map((what) => `${after}: ${what}`) : [],
  )
  return [...wider, ...fields.filter(isRaise)]
}

/** `limits.requests.rate: 10 → 20`. */
function isRaise(field: string): boolean {
  const [, before, after] = /^limits\.[\w.]+: ([\d.e+-]+) → ([\d.e+-]+)$/.exec(field) ?? []
  return Number(after) > Number(before)
}
