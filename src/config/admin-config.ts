/** The operator's side as the gateway uses it: where it listens, and who may ask there for what. */

export const roles = ['viewer', 'auditor', 'operator'] as const
export type Role = (typeof roles)[number]

/** Public keys only: with a shared secret, who checks a token could also make one. */
export const jwtAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

export interface Right {
  readonly role: Role
  /** It sees the members of records that `audit.personal` names. */
  readonly personal: boolean
}

export interface AdminTokenConfig extends Right {
  readonly name: string
  /** The token is a secret; its hash is hex. */
  readonly secret: { readonly token: string } | { readonly sha256: string }
}

export interface AdminCertificateConfig extends Right {
  readonly name: string
  readonly match: { readonly subject: Readonly<Record<string, string>> } | { readonly san: string }
}

export interface OidcConfig {
  readonly issuer: string
  readonly audience: string
  /** `json` is the text of a JWK Set. */
  readonly keys: { readonly json: string } | { readonly url: URL; readonly ca: string | null; readonly timeoutMs: number }
  readonly algorithms: readonly (typeof jwtAlgorithms)[number][]
  readonly clockSkewMs: number
  readonly nameClaim: string
  readonly roles: readonly (Right & { readonly claim: readonly string[]; readonly value: string })[]
}

export interface AdminConfig {
  readonly health: { readonly host: string; readonly port: number }
  readonly socketPath: string
  readonly tcp: {
    readonly host: string
    readonly port: number
    /** Of an operator; a secret. */
    readonly token: string | null
    /** PEM. */
    readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa: string | null } | null
    /** `null`: it is not served there. `hosts`: names under which browsers reach it. */
    readonly dashboard: { readonly hosts: readonly string[] } | null
  } | null
  readonly tokens: readonly AdminTokenConfig[]
  readonly certificates: readonly AdminCertificateConfig[]
  readonly oidc: OidcConfig | null
}
