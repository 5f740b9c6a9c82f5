/**
 * undici takes a `100 Continue` that it did not ask for as the end of the connection. A client must be able to pass over any
 * informational reply (RFC 9110 §15.2), and some origins send this one before every reply, so its parser is told of a 103.
 */
import type { Socket } from 'node:net'

interface Parser {
  onHeadersComplete: (status: number, upgrade: boolean, keepsAlive: boolean) => number
}

/** To be called once undici has taken the socket. `false` where its parser was not found: undici is another version, and behaves as it does. */
export function toleratesContinue(socket: Socket): boolean {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  const parser = key === undefined ? null : (socket as unknown as Record<symbol, Parser | null>)[key]
  if (parser == null || typeof parser.onHeadersComplete !== 'function') return false
  const heard = parser.onHeadersComplete
  parser.onHeadersComplete = function (this: Parser, status, upgrade, keepsAlive) {
    return heard.call(this, status === 100 ? 103 : status, upgrade, keepsAlive)
  }
  return true
}
