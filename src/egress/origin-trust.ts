/** Which CAs a destination's certificate may come from, and what a destination's TLS alert means. */
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { trustedRoots } from '../sockets/index.ts'

/**
 * Trust for destinations: the roots of this machine, and the CAs of `caFile`. Throws where the file cannot be read, or holds what
 * is no certificate. What holds the roots (4 MiB, 25 ms) is made when the first connection needs it.
 */
export function originTrust(caFile: string | null): () => SecureContext {
  const own = caFile === null ? [] : [readFileSync(caFile, 'utf8')]
  if (own.length > 0) createSecureContext({ ca: own })
  let trust: SecureContext | null = null
  return () => (trust ??= createSecureContext({ ca: [...trustedRoots(), ...own], minVersion: 'TLSv1.2' }))
}

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
