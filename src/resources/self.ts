/** The resource kind `self`: who the caller is, what it may do, what it has left. */
import { type BucketReport, Claim, type Contained, type Effect, type Integration, type Resource, type SelfRequest } from '../core/index.ts'

export interface SelfResourceOptions {
  readonly report: (integration: string) => readonly BucketReport[]
  /** `null`: normal. */
  readonly containedIn: (integration: string) => Contained | null
}

export function createSelfResource({ report, containedIn }: SelfResourceOptions): Resource<SelfRequest> {
  const perform: Effect<SelfRequest> = ({ request: { integration, identity } }) => {
    const containment = stateIn(containedIn(integration.name))
    const told = { ...describe(integration), identity, containment, buckets: report(integration.name) }
    const body = Buffer.from(`${JSON.stringify(told, null, 2)}\n`)
    return { status: 200, headers: ['content-type', 'application/json', 'cache-control', 'no-store'], body }
  }
  return {
    kind: 'self',
    claim: (request) => Claim.of(request, perform, { facts: {}, subject: {}, origin: null }),
  }
}

/** Why and by whom is the operator's. */
function stateIn(contained: Contained | null) {
  return contained === null ? { state: 'normal' } : { state: contained.state, since: contained.since, until: contained.until }
}

/** Without anything of the host: no root, no address block, no token hash. */
function describe({ name, owner, labels, network, services, files }: Integration) {
  return {
    name,
    owner,
    labels,
    network: network.map(({ id, hosts, ports, methods, paths, tls }) => ({ id, hosts, ports, methods, paths, tls })),
    services,
    files: files.map(({ id, name: root, actions, paths, maxBytes }) => ({ id, name: root, actions, paths, maxBytes })),
  }
}
