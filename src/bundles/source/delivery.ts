/** All bundles that are configured, brought side by side. */
import { join } from 'node:path'
import type { BundleConfig, ServerConfig } from '../../config/index.ts'
import type { Server } from '../client/index.ts'
import type { BundleSet, SnapshotBundle } from '../format/index.ts'
import type { Courier, CourierOptions } from './courier.ts'
import { createLocalCourier } from './local.ts'
import { createRemoteCourier } from './remote.ts'
import type { BundleStatus } from './status.ts'

export interface DeliveryOptions extends Omit<CourierOptions, 'config' | 'offer' | 'onStatus'> {
  readonly bundles: readonly BundleConfig[]
  readonly servers: readonly { readonly config: ServerConfig; readonly server: Server }[]
  /** Where the last good ones are kept. */
  readonly folder: string
  readonly onUnwatched: (error: Error) => void
  /** The last good one cannot be kept. */
  readonly onUnkept: (name: string, error: Error) => void
}

/** Who hears of what the bundles bring. */
export type DeliveryListener = Pick<CourierOptions, 'offer' | 'onStatus'>

export interface Delivery {
  /** What is there without asking a server. Throws `BundleError` where a file or folder is bad. */
  load(): Promise<BundleSet>
  /** Bundles are fetched and followed from now on. */
  start(listener: DeliveryListener): void
  /** These decide now. */
  activated(bundles: BundleSet): void
  /** What decides is kept for a start without its servers. */
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
  const couriers = bundles.map((config): Courier => {
    const { name, place } = config
    if (place.kind !== 'server') return createLocalCourier({ ...shared, config, ...place, onUnwatched })
    const found = servers.find((one) => one.config.name === place.server)
    // The configuration's schema has seen to it.
    if (found === undefined) throw new Error(`there is no server ${place.server}`)
    const {
      server,
      config: { timeoutMs },
    } = found
    return createRemoteCourier({ ...shared, config, server, timeoutMs, resource: place.resource, path: join(folder, `${name}.bundle`) })
  })
  return {
    async load() {
      const found = new Map<string, SnapshotBundle>()
      for (const courier of couriers) {
        const bundle = await courier.load()
        if (bundle !== null) found.set(courier.name, bundle)
      }
      return found
    },
    start(given) {
      listener = given
      for (const courier of couriers) courier.start()
    },
    activated(set) {
      for (const courier of couriers) courier.activated(set.get(courier.name) ?? null)
    },
    async keep() {
      for (const courier of couriers) await courier.keep().catch((error: Error) => onUnkept(courier.name, error))
    },
    statuses: () => couriers.map((courier) => courier.status()),
    async close() {
      await Promise.all(couriers.map((courier) => courier.close()))
    },
  }
}
