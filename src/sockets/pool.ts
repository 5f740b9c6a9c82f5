/** undici's pool alone, with `dispatch` and without `request`: the package's own entry loads fetch, WebSockets, caches and mocks as well (3 MiB). */
import { createRequire } from 'node:module'
import type { Client as UndiciClient, Pool as UndiciPool } from 'undici'

export type Pool = UndiciPool
export const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof UndiciPool

/** One connection of a pool. */
export type Client = UndiciClient
export const Client = createRequire(import.meta.url)('undici/lib/dispatcher/client.js') as typeof UndiciClient
