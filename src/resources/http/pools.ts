/** Connection pools to origins, apart by integration and by what may be dialled, so that nobody rides on another's connection. */
import { Pool } from 'undici'
import { createFairCache } from '../../shares/index.ts'
import type { Dialer } from '../egress/dial.ts'

export interface PoolSettings {
  readonly dialer: Dialer
  readonly idleTimeoutMs: number
  /** Connections of one integration to one origin. */
  readonly connections: number
}

export interface Pools {
  /** `origin` is `scheme://authority`; `allowed` are the CIDR blocks beyond the public internet. */
  get(integration: string, origin: string, host: string, port: number, allowed: readonly string[]): Pool
  close(): Promise<void>
}

/** Of all integrations: one that asks many origins loses its own pools, not another's. */
const maxPools = 1000

export function createPools({ dialer, idleTimeoutMs, connections }: PoolSettings): Pools {
  const pools = createFairCache<Pool>(maxPools, (pool) => void pool.close().catch(() => {}))

  function open(origin: string, host: string, port: number, allowed: readonly string[]): Pool {
    const target = { host, port, allowed }
    return new Pool(origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: 4000,
      bodyTimeout: idleTimeoutMs,
      // What the origin may send before its body; larger heads are an attack.
      maxHeaderSize: 64 * 1024,
      connect: ({ protocol }, done) => {
        void (protocol === 'https:' ? dialer.tls(target) : dialer.tcp(target)).then(
          (socket) => done(null, socket),
          (error: Error) => done(error, null),
        )
      },
    })
  }

  return {
    get(integration, origin, host, port, allowed) {
      const key = allowed.length === 0 ? origin : `${origin} ${allowed.join(' ')}`
      let pool = pools.get(integration, key)
      if (pool === undefined) {
        pool = open(origin, host, port, allowed)
        pools.set(integration, key, pool)
      }
      return pool
    },
    async close() {
      const open = pools.values()
      pools.clear()
      await Promise.all(open.map((pool) => pool.destroy()))
    },
  }
}
