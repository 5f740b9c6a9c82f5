/** The gateway's own tokens are for the gateway: an Authorization that holds one, the caller's or another's, is never passed on, whichever way the caller proved its identity. */
import { hash } from 'node:crypto'
import type { Identified } from '../core/index.ts'

/** `headers` itself where none holds it. */
export function withoutOwnToken(headers: string[], { integration, isToken = isOneOf(integration.tokenHashes) }: Identified): string[] {
  for (let i = 0; i < headers.length; i += 2) {
    if (!isAuthorization(headers[i] as string) || !holdsOne(headers[i + 1] as string, isToken)) continue
    headers.splice(i, 2)
    i -= 2
  }
  return headers
}

function isAuthorization(name: string): boolean {
  return name.length === 13 && name.toLowerCase() === 'authorization'
}

function isOneOf(tokenHashes: readonly Buffer[]): (digest: Buffer) => boolean {
  return (digest) => tokenHashes.some((known) => known.equals(digest))
}

/** Compared by their hashes: how long that takes says nothing of a token. */
function holdsOne(authorization: string, isToken: (digest: Buffer) => boolean): boolean {
  return possibleTokens(authorization).some((text) => isToken(hash('sha256', text, 'buffer')))
}

/** Of any scheme, or of none: a client may have one of its own for what it takes for the service's key, or send that as the name of a user. */
function possibleTokens(authorization: string): readonly string[] {
  const value = authorization.trim()
  const credentials = value.replace(/^\S+\s+/, '')
  const decoded = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return [value, credentials, decoded, ...(colon < 0 ? [] : [decoded.slice(0, colon), decoded.slice(colon + 1)])]
}
