/** Which CAs a destination's certificate may come from. */
import { readFileSync } from 'node:fs'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

/** Trust for destinations: the system's and Node's roots, and the CAs of `caFile`. Throws where the file cannot be read. */
export function originTrust(caFile: string | null): SecureContext {
  return createSecureContext({
    ca: [...getCACertificates('default'), ...(caFile === null ? [] : [readFileSync(caFile, 'utf8')])],
    minVersion: 'TLSv1.2',
  })
}
