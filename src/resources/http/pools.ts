/** Connection pools to origins, separate by integration and by the addresses that may be dialled, so that no request uses a connection it was not allowed. */

import type { Dialer, DialTimeouts } from '../../egress/index.ts'
import { createFairCache } from '../../shares/index.ts'
import { createSessionKeeper } from '../../sockets/index.ts'
import { createOriginPool, type OriginPool } from './origin-pool.ts'

export interface PoolSettings {
  readonly dialer: Dialer
  readonly idleTimeoutMs: number
  /** Most connections of one integration to one origin. */
  readonly connections: number
}

export interface Pools {
  /** `origin` is `scheme://authority`; `allowed` are the CIDR blocks outside the public internet that may be dialled; `timeouts` hold for each dial. */
  get(integration: string, origin: string, host: string, port: number, allowed: readonly string[], timeouts?: DialTimeouts): OriginPool
  /** Closes the integration's pools with idle connections; requests under way go on. Answers how many connections were idle. */
  giveUpIdle(integration: string): number
  close(): Promise<void>
}

/** Of all integrations together: one that asks many origins loses pools of its own, not another's. */
const maxPools = 1000

export function createPools({ dialer, idleTimeoutMs, connections }: PoolSettings): Pools {
  const pools = createFairCache<OriginPool>(maxPools, (pool) => void pool.close().catch(() => {}))
  const keeper = createSessionKeeper()

  return {
    get(integration, origin, host, port, allowed, timeouts = {}) {
      const { connectMs, tlsMs } = timeouts
      // A dial may serve whichever request of the pool: all have to want it in the same time.
      const timed = connectMs === undefined && tlsMs === undefined ? '' : ` within ${connectMs} ${tlsMs}`
      const key = allowed.length === 0 && timed === '' ? origin : `${origin} ${allowed.join(' ')}${timed}`
      let pool = pools.get(integration, key)
      if (pool === undefined) {
        pool = createOriginPool({
          origin,
          dialer,
          target: { host, port, allowed, owner: integration, timeouts },
          idleTimeoutMs,
          connections,
          keeper,
        })
        pools.set(integration, key, pool)
      }
      return pool
    },
    giveUpIdle(integration) {
      let idle = 0
      for (const [key, pool] of [...pools.of(integration)]) {
        const found = pool.idle()
        if (found > 0) pools.delete(integration, key)
        idle += found
      }
      return idle
    },
    async close() {
      const open = pools.values()
      pools.clear()
      await Promise.all(open.map((pool) => pool.destroy()))
    },
  }
}
