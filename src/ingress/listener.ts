/** One listening socket and the doors behind it. The form of a request alone decides which door it goes to. */
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Integration, Refusal } from '../core/index.ts'
import { claimSocketPath, listenOnPort, listenOnSocket } from '../sockets/index.ts'
import { createArrivalServer, noConnect, type ServingOptions } from './arrival-server.ts'
import type { ConnectDoor } from './connect.ts'
import type { ConnectionPool } from './connection-shares.ts'
import { serve } from './deliver.ts'
import { HttpArrival } from './http-arrival.ts'
import type { Http2Connection } from './http2-connection.ts'
import type { Http2Door } from './http2-proxy.ts'
import type { Identify } from './identify.ts'
import type { RequestDoor, UpgradableDoor } from './proxy.ts'
import { asksForSelf, selfPath } from './self-url.ts'

/** A door that the listener does not serve is `null`; requests for it are refused. */
export interface Doors {
  readonly proxy: UpgradableDoor | null
  readonly connect: ConnectDoor | null
  readonly services: UpgradableDoor | null
  readonly broker: RequestDoor | null
  /** The proxy over HTTP/2 without TLS. */
  readonly http2: Http2Door | null
}

type Tcp = { readonly host: string; readonly port: number }
/** `gid`: the group that the socket is given; `null` leaves it as it is made. */
export type ListenAddress = Tcp | { readonly socket: string; readonly mode: number; readonly gid: number | null }

export interface ListenerOptions {
  readonly name: string
  readonly address: ListenAddress
  readonly doors: Doors
  readonly serving: ServingOptions
  readonly identify: Identify
  readonly connections: ConnectionPool
  /** The integration that the listener belongs to; `null` where callers prove which one they are. */
  readonly owner: () => Integration | null
}

export interface Listener {
  readonly name: string
  /** The bound address: the port is real where 0 was asked for. */
  readonly address: Tcp | { readonly socket: string }
  /** Accepts no more connections and ends idle ones. Resolves when every connection has ended. */
  drain(): Promise<void>
  /** Ends all connections that are left. */
  destroy(): void
}

/** Throws the Error of `listen` (EADDRINUSE, EACCES) with the listener's name in its message. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { name, doors, serving, identify, connections, owner } = options
  const { handle, nextId } = serving
  const unmatchedArrival = { door: 'proxy', identify, read: refuseUnmatched } as const
  const sockets = new Set<Socket>()
  const sessions = new Set<Http2Connection>()

  const unmatched: RequestDoor = (req, res) => serve(handle, new HttpArrival(nextId(), unmatchedArrival, req, res))
  const server = createArrivalServer({
    ...serving,
    upgrade: (req) => upgradableDoor(doors, req.url ?? '')?.upgrade ?? null,
    door: 'proxy',
    route(req, res) {
      connections.began(req.socket, res)
      if (doors.broker !== null && asksForSelf(req.url ?? '', req.socket)) req.url = selfPath
      doorFor(doors, req.url ?? '', unmatched)(req, res)
    },
    ownerOf: () => unmatchedArrival,
    ...(doors.http2 !== null && { http2: serveStreams(doors.http2) }),
    connect: doors.connect ?? noConnect('this listener serves no proxy: it knows no CONNECT'),
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    connections.accepted(socket, owner())
  })
  server.prependListener('connect', (req) => connections.taken(req.socket))
  server.prependListener('upgrade', (req) => connections.taken(req.socket))

  function serveStreams(door: Http2Door): (socket: Socket) => void {
    return (socket) => {
      const session = door(socket, (use) => connections.began(socket, use))
      sessions.add(session)
      socket.once('close', () => sessions.delete(session))
    }
  }

  const address = await listen(server, options.address, name)
  function endSilent(): Promise<void> {
    const drained = drain(server)
    for (const session of sessions) session.close()
    for (const socket of sockets) if (connections.isSilent(socket)) socket.destroy()
    return drained
  }
  function destroy(): void {
    connections.close()
    for (const socket of sockets) socket.destroy()
  }
  return { name, address, drain: endSilent, destroy }
}

function upgradableDoor({ proxy, services }: Doors, target: string): UpgradableDoor | null {
  if (!target.startsWith('/')) return target === '*' ? null : proxy
  return target.startsWith('/services/') ? services : null
}

function doorFor(doors: Doors, target: string, unmatched: RequestDoor): RequestDoor {
  if (!target.startsWith('/')) return target === '*' ? unmatched : (doors.proxy?.request ?? unmatched)
  if (target.startsWith('/services/')) return doors.services?.request ?? unmatched
  return (/^\/v1(?:[/?]|$)/.test(target) ? doors.broker : null) ?? unmatched
}

function refuseUnmatched(arrival: HttpArrival): never {
  const path = (arrival.req.url ?? '').startsWith('/')
  throw path
    ? new Refusal('not-found', 'nothing is served at this path; a proxied request has an absolute target (http://…) or is a CONNECT')
    : new Refusal('malformed-request', 'this listener serves no such request target')
}

async function listen(server: Server, address: ListenAddress, name: string): Promise<Listener['address']> {
  if ('socket' in address && !(await claimSocketPath(address.socket)))
    throw new Error(`listener "${name}" cannot listen: another process answers on its socket`)
  try {
    // A process that can open the socket counts as the integration.
    if ('socket' in address) {
      await listenOnSocket(server, address.socket, address)
      return { socket: address.socket }
    }
    await listenOnPort(server, address.port, address.host)
  } catch (error) {
    throw new Error(`listener "${name}" cannot listen: ${(error as Error).message}`, { cause: error })
  }
  return { host: address.host, port: (server.address() as AddressInfo).port }
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection becomes idle after its last reply: a sweep ends those, until none is left.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
  })
}
