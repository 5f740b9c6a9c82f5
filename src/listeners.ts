/** Opens the listeners of the configuration: the doors of each, who calls there, and whose its connections are. */
import type { ServerOptions } from 'node:http'
import type { Config, ListenerConfig } from './config/index.ts'
import {
  type Containment,
  createConnectionShares,
  createDoors,
  createIdentify,
  type Directory,
  type Identify,
  type Listener,
  type NextId,
  openListener,
} from './ingress/index.ts'
import type { Handle } from './pipeline.ts'
import type { Descriptors } from './shares/index.ts'

export interface ListenersOptions {
  readonly config: Config
  readonly descriptors: Descriptors
  readonly manifests: Directory
  readonly handle: Handle
  readonly nextId: NextId
  readonly containment: Containment
  /** Throws a Refusal while the gateway takes no new work. */
  readonly requireOpen: () => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly nodeHttp: ServerOptions
}

/** Throws as `openListener`. */
export function createOpenListener(options: ListenersOptions): (listener: ListenerConfig) => Promise<Listener> {
  const { descriptors, manifests, handle, nextId, containment, requireOpen, now, nodeHttp } = options
  const { maxConnections, maxUnidentifiedConnections, headersTimeoutMs, idleTimeoutMs, linger, maxPolicyBodyBytes } = options.config.http
  const shareConnections = createConnectionShares(now, descriptors.mayAccept)

  return ({ name, address, integration, doors }) => {
    const known = createIdentify(manifests, integration)
    const connections = shareConnections({
      maxConnections,
      maxUnidentified: maxUnidentifiedConnections,
      identifyTimeoutMs: headersTimeoutMs,
    })
    const identify: Identify = (authorization, socket) => {
      requireOpen()
      const who = known(authorization, socket)
      if (who !== null) connections.identified(socket, who.integration)
      return who
    }
    const { requireShare } = connections
    return openListener({
      ...{ name, address, handle, identify, nextId, connections, containment, idleTimeoutMs, linger },
      http: nodeHttp,
      owner: () => known(null, null)?.integration ?? null,
      doors: createDoors(doors, { handle, identify, nextId, requireShare, maxPolicyBodyBytes }),
    })
  }
}
