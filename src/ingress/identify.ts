/** Which integration calls: by the listener it was given, or by its proxy token. Never by an ordinary header. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Identified, Integration } from '../core/index.ts'

/** The active manifests; replaced whole at a reload. */
export interface Directory {
  get(name: string): Integration | undefined
  all(): Iterable<Integration>
}

/** `authorization`: the value of Proxy-Authorization, or `null`. `socket`: the connection that it came over. */
export type Identify = (authorization: string | null, socket: Duplex) => Identified | null

/** `boundTo`: the integration whose listener this is; `null` where callers prove themselves by token. */
export function createIdentify(directory: Directory, boundTo: string | null): (authorization: string | null) => Identified | null {
  if (boundTo !== null) {
    return () => {
      const integration = directory.get(boundTo)
      return integration === undefined ? null : { integration, identity: 'listener' }
    }
  }
  return (authorization) => (authorization === null ? null : byToken(directory, authorization))
}

/** `Basic <integration>:<token>` (what clients make of `http://name:token@host`) or `Bearer <token>`. */
function byToken(directory: Directory, authorization: string): Identified | null {
  const space = authorization.indexOf(' ')
  const scheme = authorization.slice(0, space).toLowerCase()
  const credentials = authorization.slice(space + 1).trim()
  if (scheme === 'basic') {
    const pair = Buffer.from(credentials, 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    if (colon < 0) return null
    const integration = directory.get(pair.slice(0, colon))
    return integration !== undefined && holds(integration, digest(pair.slice(colon + 1))) ? { integration, identity: 'token' } : null
  }
  if (scheme === 'bearer') {
    const presented = digest(credentials)
    const holders = [...directory.all()].filter((integration) => holds(integration, presented))
    const [integration] = holders
    // A token that two integrations share proves neither; Basic names the one that is meant.
    return integration === undefined || holders.length > 1 ? null : { integration, identity: 'token' }
  }
  return null
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

function holds(integration: Integration, presented: Buffer): boolean {
  let equal = false
  for (const known of integration.tokenHashes) if (timingSafeEqual(known, presented)) equal = true
  return equal
}
