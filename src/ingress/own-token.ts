/** The gateway's own token is for the gateway: an Authorization that holds the caller's is never passed on, whichever way it proved its identity. */
import { timingSafeEqual } from 'node:crypto'
import type { Identified } from '../core/index.ts'
import { digestIn } from './identify.ts'

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
  const digest = digestIn(authorization)
  return digest !== null && tokenHashes.some((known) => timingSafeEqual(known, digest))
}
