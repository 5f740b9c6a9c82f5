/** Opens the listeners of the configuration: the doors of each, who calls there, and whose its connections are. */
import type { Duplex } from 'node:stream'
import type { Config, ListenerConfig } from '../config/index.ts'
import {
  type Callers,
  type ConnectionShares,
  createDoors,
  createIdentify,
  type DenyInside,
  type Identify,
  type Listener,
  openListener,
  type ServingOptions,
  selfUrlOf,
} from '../ingress/index.ts'

export interface ListenersOptions {
  readonly config: Config
  readonly shares: ConnectionShares
  readonly callers: Callers
  readonly serving: ServingOptions
  /** Of the interception door: answers a refused CONNECT inside its tunnel. */
  readonly denyInside: DenyInside
}

export interface Listeners {
  /** Throws as `openListener`. */
  open(listener: ListenerConfig): Promise<Listener>
}

export function createListeners(options: ListenersOptions): Listeners {
  const { shares, callers, serving, denyInside } = options
  const { handle, nextId } = serving
  const { maxConnections, maxUnidentifiedConnections, headersTimeoutMs } = options.config.http

  function open({ name, address, integration, doors }: ListenerConfig): Promise<Listener> {
    const known = createIdentify(callers, integration, name)
    const connections = shares.open({
      maxConnections,
      maxUnidentified: maxUnidentifiedConnections,
      identifyTimeoutMs: headersTimeoutMs,
    })
    const byConnection = (authorization: string | null, socket: Duplex) => {
      const who = known(authorization, socket)
      if (who !== null) connections.identified(socket, who.integration)
      return who
    }
    const identify: Identify = Object.assign(byConnection, { claimed: known.claimed })
    const { requireShare } = connections
    return openListener({
      ...{ name, address, serving, identify, connections },
      owner: () => known(null, null)?.integration ?? null,
      doors: createDoors(
        doors,
        {
          ...{ handle, identify, nextId, requireShare, denyInside },
          selfUrl: doors.includes('broker') ? selfUrlOf : () => null,
        },
        options.config.http.http2 ? { serving, headersTimeoutMs } : null,
      ),
    })
  }

  return { open }
}

/** What all doors are served with; Node's own timeout of requests is off, since the path has its own. */
export function servingSettings(given: Config['http']): Pick<ServingOptions, 'http' | 'idleTimeoutMs' | 'linger' | 'maxStreams'> {
  const { maxHeaderBytes: maxHeaderSize, headersTimeoutMs: headersTimeout, keepAliveMs: keepAliveTimeout } = given
  const { idleTimeoutMs, linger, maxStreams } = given
  return { idleTimeoutMs, linger, maxStreams, http: { maxHeaderSize, headersTimeout, requestTimeout: 0, keepAliveTimeout, noDelay: true } }
}
