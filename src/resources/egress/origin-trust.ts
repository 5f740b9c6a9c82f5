/** Which CAs a destination's certificate may come from. */
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { trustedRoots } from '../../sockets/index.ts'

/** Trust for destinations: the roots of this machine, and the CAs of `caFile`. Throws where the file cannot be read. */
export function originTrust(caFile: string | null): SecureContext {
  return createSecureContext({
    ca: [...trustedRoots(), ...(caFile === null ? [] : [readFileSync(caFile, 'utf8')])],
    minVersion: 'TLSv1.2',
  })
}
