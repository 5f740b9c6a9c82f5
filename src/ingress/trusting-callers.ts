/**
 * Which callers trust the gateway's CA: those that went on after a handshake. Go and browsers open more connections than they use, and
 * a spare one that is closed without a request then says nothing of trust.
 */
import type { TLSSocket } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Authority } from '../canonical/index.ts'

export interface TrustingCallers {
  /** From the end of its handshake on. */
  watch(integration: string, target: Authority, connection: TLSSocket): void
  /** Whether a connection of the same integration to there has carried anything. */
  has(integration: string, target: Authority): boolean
}

/** Those that have not been seen for longest are forgotten. */
const maxKnown = 10_000

export function createTrustingCallers(): TrustingCallers {
  const known = new LRUCache<string, true>({ max: maxKnown })
  const open = new Map<string, Set<TLSSocket>>()
  const keyOf = (integration: string, { host, port }: Authority) => `${integration} ${host}:${port}`
  return {
    watch(integration, target, connection) {
      const key = keyOf(integration, target)
      const beside = open.get(key) ?? new Set()
      open.set(key, beside.add(connection))
      connection.once('close', () => {
        if (connection.bytesRead > 0) known.set(key, true)
        beside.delete(connection)
        if (beside.size === 0 && open.get(key) === beside) open.delete(key)
      })
    },
    has(integration, target) {
      const key = keyOf(integration, target)
      return known.has(key) || [...(open.get(key) ?? [])].some(({ bytesRead }) => bytesRead > 0)
    },
  }
}
