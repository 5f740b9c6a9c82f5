/** Which CAs a destination's certificate may come from. */
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
