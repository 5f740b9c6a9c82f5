/** Where policies come from beside the folder of rules, as the gateway uses it. */

/** A service as OPA's users run them: it hands out bundles, and takes decision logs and status. */
export interface ServerConfig {
  readonly name: string
  /** Its path goes before each request's. */
  readonly url: URL
  /** A secret. */
  readonly bearer: string | null
  /** PEM. */
  readonly clientCertificate: { readonly certificate: string; readonly key: string } | null
  /** PEM of the only CAs that its certificate may come from; the system's where `null`. */
  readonly ca: string | null
  /** Values are secrets. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Until the connection, until the head of the reply, and between two parts of its body. */
  readonly timeoutMs: number
}

export type BundlePlace =
  | { readonly kind: 'server'; readonly server: string; readonly resource: string }
  | { readonly kind: 'file' | 'folder'; readonly path: string }

export interface BundleConfig {
  readonly name: string
  readonly place: BundlePlace
  readonly polling: { readonly minMs: number; readonly maxMs: number /** 0: never. */; readonly longPollMs: number }
  /** `null`: the bundle must be unsigned. `key` is the text of its file. */
  readonly signing: { readonly key: string; readonly keyId: string; readonly algorithm: SignatureAlgorithm; readonly scope: string } | null
  /** Of the download, and of its files together. */
  readonly maxBytes: number
}

/** OPA's names, which are those of RFC 7518 and RFC 8037. */
export const signatureAlgorithms = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'] as const),
] as const
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]
