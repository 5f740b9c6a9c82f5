/**
 * undici closes the connection at a `100 Continue` that it did not ask for. A client must be able to ignore any informational
 * reply (RFC 9110 §15.2), and some origins send this one before every reply, so undici is shown a 103 instead.
 */
import type { Socket } from 'node:net'

interface Parser {
  onHeadersComplete: (status: number, upgrade: boolean, keepsAlive: boolean) => number
}

/** Call it once undici has taken the socket. `false` if its parser was not found, as in another version of undici, which then keeps its behaviour. */
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
