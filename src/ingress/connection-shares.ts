/** Shares out a listener's connections: each integration has a share, and all unidentified callers together have a small one. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BrokenOff, endConnection, type Integration, noLongerAllowed, Refusal } from '../core/index.ts'

export interface ConnectionPoolOptions {
  /** Most connections of the listener. */
  readonly maxConnections: number
  /** Most of these that are unidentified; no more than half. */
  readonly maxUnidentified: number
  /** A connection that is still unidentified after this time is cut, unless it is being answered. */
  readonly identifyTimeoutMs: number
}

export interface ConnectionPool {
  /** `integration`: the one that the listener belongs to; `null` where callers prove which one they are. */
  accepted(socket: Socket, integration: Integration | null): void
  /** A request began on it; until `res` has closed it is in use. */
  began(socket: Duplex, res: Use): void
  /** A CONNECT or an upgrade: it is in use until it closes. */
  taken(socket: Duplex): void
  /** No request has come over it yet: Node counts it neither as idle nor as active. */
  isSilent(socket: Duplex): boolean
  /** A request proved that the connection is `integration`'s: it counts as one of that integration's from now on, if there is room. */
  identified(socket: Duplex, integration: Integration): void
  /** Throws `Refusal('connections-exceeded')` if `identified` found no room. */
  requireShare(socket: Duplex): void
  close(): void
}

/** A reply, or all streams of a connection of HTTP/2. */
interface Use {
  readonly closed: boolean
}

interface Connection {
  readonly socket: Duplex
  readonly peer: string
  readonly since: number
  readonly pool: Pool
  holder: Holder | null
  latest: Use | null
  isTaken: boolean
  isRefused: boolean
}

/** An integration's connections on all listeners, oldest first. */
type Holder = Set<Connection>

interface Pool {
  /** By the address of the other end, oldest first. */
  readonly unidentified: Map<string, Set<Connection>>
  unidentifiedCount: number
  readonly counts: Map<Holder, number>
  identifiedCount: number
}

/** One value for all listeners, since `limits.connections` holds over all of them. */
export interface ConnectionShares {
  open(options: ConnectionPoolOptions): ConnectionPool
  /** Ends all connections of the integration, idle or not. */
  cut(integration: string): void
}

export function createConnectionShares(now: () => number, mayAccept: () => boolean): ConnectionShares {
  const connections = new WeakMap<Duplex, Connection>()
  const holders = new Map<string, Holder>()

  function open({ maxConnections, maxUnidentified, identifyTimeoutMs }: ConnectionPoolOptions): ConnectionPool {
    const unidentifiedPlaces = Math.max(1, Math.min(maxUnidentified, Math.floor(maxConnections / 2)))
    const identifiedPlaces = Math.max(1, maxConnections - unidentifiedPlaces)
    const pool: Pool = { unidentified: new Map(), unidentifiedCount: 0, counts: new Map(), identifiedCount: 0 }
    const sweeping = setInterval(cutOverdue, Math.min(identifyTimeoutMs / 2, longestSweepMs)).unref()

    function cutOverdue(): void {
      const latest = now() - identifyTimeoutMs
      for (const ofPeer of pool.unidentified.values())
        for (const connection of ofPeer) {
          if (connection.since > latest) break
          if (!isInUse(connection)) cut(connection)
        }
    }

    function identified(socket: Duplex, integration: Integration): void {
      const connection = connections.get(socket)
      if (connection === undefined || socket.destroyed) return
      const holder = holders.get(integration.name) ?? new Set()
      if (connection.holder === holder) return
      if (connection.holder !== null) {
        leave(connection)
        joinUnidentified(connection)
      }
      connection.isRefused = !makeRoom(pool, holder, integration.limits.connections, identifiedPlaces)
      if (connection.isRefused) return
      leave(connection)
      holders.set(integration.name, holder)
      holder.add(connection)
      connection.holder = holder
      pool.counts.set(holder, (pool.counts.get(holder) ?? 0) + 1)
      pool.identifiedCount += 1
    }

    return {
      accepted(socket, integration) {
        if (!mayAccept() && !giveUpAny(pool)) {
          socket.destroy()
          return
        }
        const connection: Connection = {
          ...{ socket, peer: socket.remoteAddress ?? 'local', since: now(), pool },
          ...{ holder: null, latest: null, isTaken: false, isRefused: false },
        }
        connections.set(socket, connection)
        // Silent connections must not keep other callers out: the oldest one of the peer with the most is cut.
        if (pool.unidentifiedCount >= unidentifiedPlaces) cutOldest(pool.unidentified)
        joinUnidentified(connection)
        socket.once('close', () => leave(connection))
        if (integration !== null) identified(socket, integration)
      },
      began(socket, res) {
        const connection = connections.get(socket)
        if (connection !== undefined) connection.latest = res
      },
      taken(socket) {
        const connection = connections.get(socket)
        if (connection !== undefined) connection.isTaken = true
      },
      isSilent(socket) {
        const connection = connections.get(socket)
        return connection !== undefined && connection.latest === null && !connection.isTaken
      },
      identified,
      requireShare(socket) {
        if (connections.get(socket)?.isRefused !== true) return
        throw Refusal.retryLater('connections-exceeded', 'every connection that this integration may have is in use', 1000)
      },
      close: () => clearInterval(sweeping),
    }
  }

  return {
    open,
    cut(integration) {
      for (const connection of holders.get(integration) ?? []) end(connection, noLongerAllowed())
    },
  }
}

const longestSweepMs = 15_000

/**
 * Whether `holder` may have one more. In a full pool, the holder of the most gives one up for a holder of fewer: an idle one, or
 * else the newest, which loses least. So no integration keeps another out, and one alone may use the whole pool.
 */
function makeRoom(pool: Pool, holder: Holder, limit: number, places: number): boolean {
  if (holder.size >= limit && !giveUpIdle(holder, null)) return false
  if (pool.identifiedCount < places) return true
  const largest = largestOf(pool.counts)
  const own = pool.counts.get(holder) ?? 0
  if (largest === null || (pool.counts.get(largest) ?? 0) <= own + 1) return giveUpIdle(holder, pool)
  if (!giveUpIdle(largest, pool)) giveUpNewest(largest, pool)
  return true
}

function giveUpIdle(holder: Holder, pool: Pool | null): boolean {
  for (const connection of holder) {
    if ((pool !== null && connection.pool !== pool) || isInUse(connection)) continue
    cut(connection)
    return true
  }
  return false
}

function giveUpNewest(holder: Holder, pool: Pool): void {
  const newest = [...holder].findLast((connection) => connection.pool === pool)
  if (newest !== undefined) end(newest, new BrokenOff('connections-exceeded', 'there are too many connections'))
}

/** Makes room for a new connection, still unidentified: cuts an unidentified one, or else an idle one of the integration with the most. */
function giveUpAny(pool: Pool): boolean {
  if (pool.unidentifiedCount > 0) {
    cutOldest(pool.unidentified)
    return true
  }
  const largest = largestOf(pool.counts)
  return largest !== null && giveUpIdle(largest, pool)
}

function cutOldest(unidentified: Pool['unidentified']): void {
  let most: Set<Connection> | null = null
  for (const ofPeer of unidentified.values()) if (most === null || ofPeer.size > most.size) most = ofPeer
  const [oldest] = most ?? []
  if (oldest !== undefined) cut(oldest)
}

function largestOf(counts: ReadonlyMap<Holder, number>): Holder | null {
  let largest: Holder | null = null
  let most = 0
  for (const [holder, count] of counts)
    if (count > most) {
      most = count
      largest = holder
    }
  return largest
}

function isInUse({ isTaken, latest }: Connection): boolean {
  return isTaken || (latest !== null && !latest.closed)
}

/** Frees its place at once; the `close` event comes later. */
function cut(connection: Connection): void {
  leave(connection)
  connection.socket.destroy()
}

/** One that may be in use. */
function end(connection: Connection, why: BrokenOff): void {
  leave(connection)
  endConnection(connection.socket, why)
}

function joinUnidentified(connection: Connection): void {
  const { pool, peer } = connection
  const ofPeer = pool.unidentified.get(peer)
  if (ofPeer === undefined) pool.unidentified.set(peer, new Set([connection]))
  else ofPeer.add(connection)
  pool.unidentifiedCount += 1
}

function leave(connection: Connection): void {
  const { pool, peer, holder } = connection
  if (holder === null) {
    const ofPeer = pool.unidentified.get(peer)
    if (ofPeer?.delete(connection) !== true) return
    pool.unidentifiedCount -= 1
    if (ofPeer.size === 0) pool.unidentified.delete(peer)
    return
  }
  connection.holder = null
  if (!holder.delete(connection)) return
  pool.identifiedCount -= 1
  const left = (pool.counts.get(holder) ?? 1) - 1
  if (left === 0) pool.counts.delete(holder)
  else pool.counts.set(holder, left)
}
