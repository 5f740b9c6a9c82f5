/** Joins what can be touched: the ways out to the network, and a resource for each kind of request. */
import type { Config } from '../config/index.ts'
import type { BucketReport, Contained, Resource, ResourceKind } from '../core/index.ts'
import {
  createAddressRule,
  createDialer,
  createDialPlaces,
  createKeptNames,
  createOwnPorts,
  createResolveName,
  originTrust,
} from '../egress/index.ts'
import {
  createFileResource,
  createHttpResource,
  createLookupResource,
  createPools,
  createSelfResource,
  createServiceResource,
  createTunnelResource,
  type TunnelResourceOptions,
} from '../resources/index.ts'
import type { Descriptors } from '../shares/index.ts'
import type { Metrics } from '../telemetry/index.ts'

export interface ResourcesOptions {
  readonly config: Config
  readonly descriptors: Descriptors
  readonly metrics: Metrics
  readonly report: (integration: string) => readonly BucketReport[]
  readonly containedIn: (integration: string) => Contained | null
  /** Opens a tunnel; from the interception door. */
  readonly intercept: TunnelResourceOptions['intercept']
}

export interface Resources {
  find(kind: ResourceKind): Resource
  /** Ports of this gateway, which no integration may reach through it. */
  refusePorts(ports: readonly number[]): void
  close(): Promise<void>
}

export function createResources({ config, descriptors, report, containedIn, intercept, metrics }: ResourcesOptions): Resources {
  const { http, services, websockets } = config
  const own = createOwnPorts()
  const staleNames = metrics.counter(
    'sallyport_stale_names_total',
    'Names that were used beyond their time, since no name server answered.',
  )
  const resolve = createResolveName({ servers: http.dnsServers, kept: createKeptNames({ ...http.dns, onStale: () => staleNames.inc() }) })
  const dialer = createDialer({
    resolve,
    rule: createAddressRule(own.isOwn),
    connectTimeoutMs: http.connectTimeoutMs,
    mayDial: descriptors.mayDial,
    places: createDialPlaces({
      ...{ take: descriptors.takeDial, give: descriptors.giveDial },
      giveUpIdle: (integration) => pools.giveUpIdle(integration) + serviceResource.giveUpIdle(integration),
    }),
    secureContext: originTrust(http.originCaFile),
  })
  const pools = createPools({ dialer, idleTimeoutMs: http.idleTimeoutMs, connections: 256 })
  const serviceResource = createServiceResource({ services, dialer, websockets, ...http })
  const resources = new Map<ResourceKind, Resource>()
  for (const resource of [
    createHttpResource({ pools, dialer, websockets, ...http }),
    createTunnelResource({ dialer, idleTimeoutMs: http.idleTimeoutMs, intercept }),
    serviceResource,
    createFileResource(),
    createSelfResource({ report, containedIn }),
    createLookupResource({ resolve, timeoutMs: http.connectTimeoutMs }),
  ]) {
    resources.set(resource.kind, resource as Resource)
  }
  return {
    find(kind) {
      const found = resources.get(kind)
      if (found === undefined) throw new Error(`no resource of kind ${kind}`)
      return found
    },
    refusePorts: own.add,
    close: pools.close,
  }
}
