/** The CA that signs leaves: its certificate, its key, and where they lie. */
import type { KeyObject, X509Certificate } from 'node:crypto'

export interface CertificateAuthority {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject
  /** PEM of the CA certificate. */
  readonly certificateFile: string
  /** The system's roots and the gateway's CA in one PEM file, for clients whose variables replace the trust store. */
  readonly bundleFile: string
  /** The RSA key of leaves, if it was ever needed. */
  readonly leafKeyFile: string
}

/** One that was made and is not kept yet. */
export interface MadeAuthority {
  /** PKCS #8, PEM. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
}
