/** What is known of a connection that was dialled, for the record of each request that it carries. */
import type { Duplex } from 'node:stream'
import type { Connection } from '../core/index.ts'

const known = new WeakMap<Duplex, Connection>()

/** `null` for a socket that no dialer has made. */
export function connectionOf(socket: Duplex): Connection | null {
  return known.get(socket) ?? null
}

export function remember(socket: Duplex, connection: Connection): void {
  known.set(socket, connection)
}
