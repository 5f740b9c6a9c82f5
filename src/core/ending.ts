/** How the gateway itself ends a connection: what is open on it may first tell both of its ends why, as a WebSocket does. */
import type { Duplex } from 'node:stream'
import { BrokenOff } from './reply.ts'

/** How long an end that was told may take to close. */
export const closeWaitMs = 2000

/** An event of the connection: what ends connections does not know what is open on them, nor at what depth (HTTP/2 in TLS in a tunnel). */
const ending = Symbol('ending')

/** Calls `end` each time that the gateway ends the connection. Once it has returned no byte of either end passes, and within `closeWaitMs` the connection is closed. */
export function onEnding(connection: Duplex, end: (why: BrokenOff) => void): void {
  connection.on(ending, end)
}

/** `false`: nothing there can say why it ends. */
export function tellEnding(connection: Duplex, why: BrokenOff): boolean {
  return connection.emit(ending, why)
}

/** Cuts it: at once where nothing on it can say why, and otherwise when its ends have had their time. */
export function endConnection(connection: Duplex, why: BrokenOff): void {
  if (tellEnding(connection, why)) setTimeout(() => connection.destroy(), closeWaitMs).unref()
  else connection.destroy()
}

/** The policy or an operator ends it. The words may reach its destination: they say nothing about who has decided what. */
export function noLongerAllowed(problem: 'policy-denied' | 'suspended' | 'killed' = 'policy-denied'): BrokenOff {
  return new BrokenOff(problem, 'it is no longer allowed')
}
