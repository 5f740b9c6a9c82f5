/** The CA that signs leaves, and of the CA before it what keeps its clients working for a while. */
import type { KeyObject, X509Certificate } from 'node:crypto'

export interface CertificateAuthority {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject
  /** While clients that trust the CA before it are kept working; then `null`. */
  readonly overlap: Overlap | null
  /** The RSA key of leaves, if it was ever needed. */
  readonly leafKeyFile: string
}

/** Of a rotation. */
export interface Overlap {
  /** PEM of the CA's certificate as the CA before it signed it: in a chain it leads from the one to the other (RFC 4949, cross-certificate). */
  readonly cross: string
  readonly previous: X509Certificate
  /** Epoch milliseconds. */
  readonly untilMs: number
}

/** The CA cannot be rotated as it was asked. */
export class RotationRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RotationRefused'
  }
}

/** One that was made and is not kept yet. */
export interface MadeAuthority {
  /** PKCS #8, PEM. */
  readonly key: string
  /** PEM. */
  readonly certificate: string
}
