/** Opens the listeners of the configuration: the doors of each, who calls there, and whose its connections are. */
import type { Config, ListenerConfig } from '../config/index.ts'
import {
  type Callers,
  createConnectionShares,
  createDoors,
  createIdentify,
  type Identify,
  type Listener,
  openListener,
  type ServingOptions,
} from '../ingress/index.ts'
import type { Descriptors } from '../shares/index.ts'

export interface ListenersOptions {
  readonly config: Config
  readonly descriptors: Descriptors
  readonly callers: Callers
  readonly serving: ServingOptions
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

export interface Listeners {
  /** Throws as `openListener`. */
  open(listener: ListenerConfig): Promise<Listener>
  /** Ends every connection of the integration. */
  cut(integration: string): void
}

export function createListeners(options: ListenersOptions): Listeners {
  const { descriptors, callers, serving, now } = options
  const { handle, nextId } = serving
  const { maxConnections, maxUnidentifiedConnections, headersTimeoutMs } = options.config.http
  const shares = createConnectionShares(now, descriptors.mayAccept)

  function open({ name, address, integration, doors }: ListenerConfig): Promise<Listener> {
    const known = createIdentify(callers, integration)
    const connections = shares.open({
      maxConnections,
      maxUnidentified: maxUnidentifiedConnections,
      identifyTimeoutMs: headersTimeoutMs,
    })
    const identify: Identify = (authorization, socket) => {
      const who = known(authorization, socket)
      if (who !== null) connections.identified(socket, who.integration)
      return who
    }
    const { requireShare } = connections
    return openListener({
      ...{ name, address, serving, identify, connections },
      owner: () => known(null, null)?.integration ?? null,
      doors: createDoors(doors, { handle, identify, nextId, requireShare }),
    })
  }

  return { open, cut: shares.cut }
}
