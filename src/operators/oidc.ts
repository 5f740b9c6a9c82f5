/** JWTs of an OpenID Connect provider: ID tokens, or access tokens (RFC 9068), for the configured audience. */
import type { JWTPayload } from 'jose'
import type { OidcConfig } from '../config/index.ts'
import { type KeySet, KeysUnavailable } from './key-set.ts'
import type { Principal } from './principal.ts'

export type Verified =
  | { readonly principal: Principal }
  /** `forbidden`: it is who it says, and no claim gives it a role. */
  | { readonly problem: 'invalid' | 'forbidden' | 'unavailable' }

/** Of other tokens that a provider signs (of logouts, of events) none is for asking something. */
const types = new Set([undefined, 'jwt', 'at+jwt', 'application/at+jwt', 'application/jwt'])

/** Whose name is longer is none that records can hold. */
const maxNameCharacters = 200

export function createOidc(config: OidcConfig, keys: KeySet): (token: string) => Promise<Verified> {
  const { issuer, audience, algorithms, clockSkewMs, nameClaim, roles } = config
  const options = { issuer, audience, algorithms: [...algorithms], clockTolerance: clockSkewMs / 1000, requiredClaims: ['exp', nameClaim] }

  return async (token) => {
    const { decodeProtectedHeader, jwtVerify } = await import('jose')
    try {
      const { alg, typ } = decodeProtectedHeader(token)
      // Before any key is looked for.
      if (!algorithms.some((known) => known === alg) || !types.has(typ?.toLowerCase())) return { problem: 'invalid' }
      const { payload } = await jwtVerify(token, keys.find, options)
      const name = payload[nameClaim]
      // A token that is bound to a key (RFC 7800) proves nothing without the proof of that key, which is not looked at here.
      if (typeof name !== 'string' || name === '' || name.length > maxNameCharacters || 'cnf' in payload) return { problem: 'invalid' }
      const found = roles.find(({ claim, value }) => holds(payload, claim, value))
      if (found === undefined) return { problem: 'forbidden' }
      const { role, personal } = found
      return { principal: { name, role, personal, by: 'oidc', expiresAtMs: (payload.exp ?? 0) * 1000 + clockSkewMs } }
    } catch (error) {
      return { problem: error instanceof KeysUnavailable ? 'unavailable' : 'invalid' }
    }
  }
}

/** The claim is that text or a list with it; numbers, objects and lists in lists are nothing. `scope` is a text of words (RFC 8693 §4.2). */
function holds(payload: JWTPayload, claim: readonly string[], value: string): boolean {
  let found: unknown = payload
  for (const name of claim) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
  if (typeof found === 'string') return claim.join() === 'scope' ? found.split(' ').includes(value) : found === value
  return Array.isArray(found) && found.includes(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
