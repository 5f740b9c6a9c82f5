/** The CAs that this machine trusts. */
import { getCACertificates } from 'node:tls'

/** PEM, each once: the system's store (`SSL_CERT_FILE` and `SSL_CERT_DIR` move it), Node's own roots, and those of `NODE_EXTRA_CA_CERTS`. Takes some 40 ms. */
export function trustedRoots(): readonly string[] {
  return [
    ...new Set([...getCACertificates('system'), ...getCACertificates('bundled'), ...getCACertificates('extra')].map((pem) => pem.trim())),
  ]
}
