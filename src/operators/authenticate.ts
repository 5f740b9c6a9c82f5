/** Who asks on the operator's TCP port: by bearer token, by JWT, or by the client certificate of the connection. */
import type { LookupFunction } from 'node:net'
import type { AdminConfig } from '../config/index.ts'
import { type ClientCertificate, createCertificates } from './certificates.ts'
import { createKeySet } from './key-set.ts'
import { createOidc } from './oidc.ts'
import type { Principal } from './principal.ts'
import { createTokens } from './tokens.ts'

export interface Credentials {
  /** The header. Where there is one it alone counts, so that it is never two who ask. */
  readonly authorization: string | undefined
  /** `null`: none, or none that the configured CA has issued. */
  readonly certificate: ClientCertificate | null
}

export interface Unauthenticated {
  readonly status: 401 | 403 | 503
  readonly detail: string
}

export interface Authenticate {
  (credentials: Credentials): Promise<Principal | Unauthenticated>
  close(): Promise<void>
}

export interface AuthenticateOptions {
  readonly lookup?: LookupFunction
  /** Milliseconds, monotonic. */
  readonly now?: () => number
  /** Why the keys of the provider could not be fetched. */
  readonly onFailure: (error: Error) => void
}

/** Throws an Error where the keys of the configuration are none. */
export function createAuthenticate(config: AdminConfig, options: AuthenticateOptions): Authenticate {
  const { lookup, now = () => performance.now(), onFailure } = options
  const holderOf = createTokens(config)
  const subjectOf = createCertificates(config.certificates)
  const keys = config.oidc === null ? null : createKeySet(config.oidc.keys, { now, onFailure, ...(lookup && { lookup }) })
  const verify = config.oidc === null || keys === null ? null : createOidc(config.oidc, keys)

  async function authenticate({ authorization, certificate }: Credentials): Promise<Principal | Unauthenticated> {
    if (authorization === undefined) return (certificate === null ? null : subjectOf(certificate)) ?? unknown
    const token = /^bearer (.+)$/i.exec(authorization)?.[1] ?? ''
    const holder = holderOf(token)
    if (holder !== null) return holder
    if (verify === null || token.split('.').length !== 3) return unknown
    const verified = await verify(token)
    return 'principal' in verified ? verified.principal : refusals[verified.problem]
  }

  return Object.assign(authenticate, { close: async () => keys?.close() })
}

/** The same for all that proves nothing: what was wrong with it helps who guesses. */
const unknown: Unauthenticated = {
  status: 401,
  detail: 'send a token as Authorization: Bearer, or connect with a client certificate that sallyport.yaml knows (admin)',
}

const refusals: Readonly<Record<'invalid' | 'forbidden' | 'unavailable', Unauthenticated>> = {
  invalid: unknown,
  forbidden: { status: 403, detail: 'no claim of this token gives a role here (admin.oidc.roles)' },
  unavailable: { status: 503, detail: 'the keys of the identity provider cannot be fetched now; another way in works still' },
}
