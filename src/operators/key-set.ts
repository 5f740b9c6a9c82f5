/** The keys of an OpenID Connect provider (RFC 7517): of a file, or fetched when a token needs one, and seldom enough that no caller can make the gateway flood the provider. */
import type { LookupFunction } from 'node:net'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { createServerClient } from '../bundles/index.ts'
import type { OidcConfig } from '../config/index.ts'

/** Neither a key nor a failure is looked up again before: whoever can reach the port can ask for keys that are not there. */
const leastBetweenFetchesMs = 30_000
/** Keys that are older are fetched again. */
const freshMs = 10 * 60_000
/** Where the provider does not answer, its keys are used for so long; a key that was taken back is then refused as well. */
const staleMs = 60 * 60_000
const maxBytes = 1024 * 1024

export class KeysUnavailable extends Error {}

export interface KeySet {
  /** Rejects with `KeysUnavailable` where there are no keys now, and with an error of jose where none of them is the token's. */
  readonly find: JWTVerifyGetKey
  close(): Promise<void>
}

export interface KeySetOptions {
  readonly lookup?: LookupFunction
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Why the keys could not be fetched. */
  readonly onFailure: (error: Error) => void
}

/** Throws an Error where the text is no set of keys. */
export function createKeySet(source: OidcConfig['keys'], options: KeySetOptions): KeySet {
  return 'json' in source ? createFixedKeys(source.json) : createFetchedKeys(source, options)
}

function createFixedKeys(json: string): KeySet {
  const keys = parseKeys(json)
  return { find: async (...asked) => (await localSet(keys))(...asked), close: async () => {} }
}

function createFetchedKeys({ url, ca, timeoutMs }: Extract<OidcConfig['keys'], { url: URL }>, options: KeySetOptions): KeySet {
  const { lookup, now, onFailure } = options
  let server: ReturnType<typeof createServerClient> | null = null
  let keys: { readonly find: JWTVerifyGetKey; readonly atMs: number } | null = null
  let triedAtMs = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | null = null

  async function fetchKeys(): Promise<void> {
    server ??= createServerClient(
      { name: 'oidc', url: new URL(url.origin), bearer: null, clientCertificate: null, ca, headers: [], timeoutMs },
      lookup,
    )
    try {
      const { status, body } = await server.request({ method: 'GET', path: `${url.pathname}${url.search}`, maxBytes })
      if (status !== 200) throw new Error(`${url.origin}${url.pathname} answered ${status}`)
      keys = { find: await localSet(parseKeys(body.toString('utf8'))), atMs: now() }
    } catch (error) {
      onFailure(error as Error)
    }
  }

  /** At once where it was tried just now. Never rejects. */
  function refresh(): Promise<void> {
    if (fetching !== null) return fetching
    if (now() - triedAtMs < leastBetweenFetchesMs) return Promise.resolve()
    triedAtMs = now()
    fetching = fetchKeys().finally(() => {
      fetching = null
    })
    return fetching
  }

  function usable(): JWTVerifyGetKey {
    if (keys === null || now() - keys.atMs > staleMs) throw new KeysUnavailable('the keys of the provider are not known now')
    return keys.find
  }

  return {
    async find(header, token) {
      if (keys === null || now() - keys.atMs > freshMs) await refresh()
      try {
        return await usable()(header, token)
      } catch (error) {
        // A provider that has begun to use another key publishes it first.
        if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error
        await refresh()
        return await usable()(header, token)
      }
    },
    close: async () => server?.close(),
  }
}

async function localSet(keys: JSONWebKeySet): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet } = await import('jose')
  return createLocalJWKSet(keys)
}

/** Shared secrets and private keys have no place in it: they are left out, so that nothing is ever verified with them. */
function parseKeys(json: string): JSONWebKeySet {
  const found: unknown = JSON.parse(json)
  const keys: unknown = (found as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw new Error('expected a JWK Set: an object with "keys"')
  return { keys: keys.filter((key) => ['RSA', 'EC', 'OKP'].includes(key?.kty) && !('d' in key)) }
}
