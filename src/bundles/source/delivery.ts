/** All bundles that are configured, fetched side by side. */
import { join } from 'node:path'
import type { BundleConfig, ServerConfig } from '../../config/index.ts'
import type { Server } from '../client/index.ts'
import type { BundleSet, SnapshotBundle } from '../format/index.ts'
import type { BundleSource, BundleSourceOptions } from './bundle-source.ts'
import { createLocalSource } from './local.ts'
import { createRemoteSource } from './remote.ts'
import type { BundleStatus } from './status.ts'

export interface DeliveryOptions extends Omit<BundleSourceOptions, 'config' | 'offer' | 'onStatus'> {
  readonly bundles: readonly BundleConfig[]
  readonly servers: readonly { readonly config: ServerConfig; readonly server: Server }[]
  /** Where the last good ones are kept. */
  readonly folder: string
  readonly onUnwatched: (error: Error) => void
  /** The last good one cannot be kept. */
  readonly onUnkept: (name: string, error: Error) => void
}

/** Called with each new bundle, and after each change of a status. */
export type DeliveryListener = Pick<BundleSourceOptions, 'offer' | 'onStatus'>

export interface Delivery {
  /** What is there without asking a server. Throws `BundleError` where a file or folder is bad. */
  load(): Promise<BundleSet>
  /** Bundles are fetched and followed from now on. */
  start(listener: DeliveryListener): void
  /** These are active now. */
  activated(bundles: BundleSet): void
  /** Keeps the active bundles on disk for a start without their servers. */
  keep(): Promise<void>
  statuses(): readonly BundleStatus[]
  close(): Promise<void>
}

export function createDelivery({ bundles, servers, folder, onUnwatched, onUnkept, onFailure }: DeliveryOptions): Delivery {
  let listener: DeliveryListener = { offer: async () => ({ ok: true }), onStatus: () => {} }
  const shared = {
    onFailure,
    offer: (...offered: Parameters<DeliveryListener['offer']>) => listener.offer(...offered),
    onStatus: () => listener.onStatus(),
  }
  const sources = bundles.map((config): BundleSource => {
    const { name, place } = config
    if (place.kind !== 'server') return createLocalSource({ ...shared, config, ...place, onUnwatched })
    const found = servers.find((server) => server.config.name === place.server)
    // The configuration's schema has seen to it.
    if (found === undefined) throw new Error(`there is no server ${place.server}`)
    const {
      server,
      config: { timeoutMs },
    } = found
    return createRemoteSource({ ...shared, config, server, timeoutMs, resource: place.resource, path: join(folder, `${name}.bundle`) })
  })
  return {
    async load() {
      const found = new Map<string, SnapshotBundle>()
      for (const source of sources) {
        const bundle = await source.load()
        if (bundle !== null) found.set(source.name, bundle)
      }
      return found
    },
    start(given) {
      listener = given
      for (const source of sources) source.start()
    },
    activated(set) {
      for (const source of sources) source.activated(set.get(source.name) ?? null)
    },
    async keep() {
      for (const source of sources) await source.keep().catch((error: Error) => onUnkept(source.name, error))
    },
    statuses: () => sources.map((source) => source.status()),
    async close() {
      await Promise.all(sources.map((source) => source.close()))
    },
  }
}
