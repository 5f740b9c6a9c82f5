/** What an origin says by a TLS alert, where an operator can act on it (RFC 8446 §6.2). */

const askedForCertificate = 'asks for a client certificate, and the gateway has none to show'

/** By the alert's name, behind which OpenSSL's versions agree. An alert about a certificate can only be about the client's, and the gateway has no client certificate. */
const meanings: Readonly<Record<string, string>> = {
  NO_APPLICATION_PROTOCOL: 'speaks HTTP/2 only (it refuses HTTP/1.1 by ALPN), and the gateway asks in HTTP/1.1',
  CERTIFICATE_REQUIRED: askedForCertificate,
  BAD_CERTIFICATE: askedForCertificate,
  // TLS 1.2 uses the same alert for both.
  HANDSHAKE_FAILURE: 'refused the TLS handshake: it asks for a client certificate, or shares no cipher with the gateway',
  PROTOCOL_VERSION: 'refused the TLS handshake: it speaks no version of TLS that the gateway does',
}

/** `code` as Node names what was received. Goes behind the origin's name; `null` where there is nothing more to say than the code. */
export function meaningOfAlert(code: string): string | null {
  return meanings[/^ERR_SSL_.*_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? ''] ?? null
}
