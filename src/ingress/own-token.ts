/** The gateway's own token is for the gateway: an Authorization that holds the caller's is never passed on, whichever way it proved its identity. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Identified } from '../core/index.ts'

/** `headers` itself where none holds it. */
export function withoutOwnToken(headers: string[], { integration, tokenHashes = integration.tokenHashes }: Identified): string[] {
  if (tokenHashes.length === 0) return headers
  for (let i = 0; i < headers.length; i += 2) {
    if (!isAuthorization(headers[i] as string) || !holdsOne(headers[i + 1] as string, tokenHashes)) continue
    headers.splice(i, 2)
    i -= 2
  }
  return headers
}

function isAuthorization(name: string): boolean {
  return name.length === 13 && name.toLowerCase() === 'authorization'
}

function holdsOne(authorization: string, tokenHashes: readonly Buffer[]): boolean {
  return possibleTokens(authorization).some((text) => {
    const digest = hash('sha256', text, 'buffer')
    return tokenHashes.some((known) => timingSafeEqual(known, digest))
  })
}

/** Of any scheme, or of none: a client may have one of its own for what it takes for the service's key, or send that as the name of a user. */
function possibleTokens(authorization: string): readonly string[] {
  const value = authorization.trim()
  const credentials = value.replace(/^\S+\s+/, '')
  const decoded = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return [value, credentials, decoded, ...(colon < 0 ? [] : [decoded.slice(0, colon), decoded.slice(colon + 1)])]
}
