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
export function createIdentify(
  directory: Directory,
  boundTo: string | null,
): (authorization: string | null, socket: Duplex | null) => Identified | null {
  if (boundTo !== null) {
    return () => {
      const integration = directory.get(boundTo)
      return integration === undefined ? null : { integration, identity: 'listener' }
    }
  }
  const remembered = new WeakMap<Duplex, Presented>()
  return (authorization, socket) => {
    if (authorization === null) return null
    let presented = socket === null ? undefined : remembered.get(socket)
    // Compared with what the same connection said before, and with nobody else's.
    if (presented?.authorization !== authorization) {
      presented = present(authorization)
      if (socket !== null) remembered.set(socket, presented)
    }
    return prove(directory, presented)
  }
}

/** What a header says, which a kept connection says again and again; whom it proves is asked of the manifests each time. */
interface Presented {
  readonly authorization: string
  readonly scheme: 'basic' | 'bearer' | null
  /** The integration that Basic names. */
  readonly name: string
  readonly digest: Buffer
}

/** `Basic <integration>:<token>` (what clients make of `http://name:token@host`) or `Bearer <token>`. */
function present(authorization: string): Presented {
  const space = authorization.indexOf(' ')
  const scheme = authorization.slice(0, space).toLowerCase()
  const credentials = authorization.slice(space + 1).trim()
  if (scheme === 'basic') {
    const pair = Buffer.from(credentials, 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    if (colon >= 0) return { authorization, scheme, name: pair.slice(0, colon), digest: digest(pair.slice(colon + 1)) }
  } else if (scheme === 'bearer') return { authorization, scheme, name: '', digest: digest(credentials) }
  return { authorization, scheme: null, name: '', digest: nothing }
}

const nothing = Buffer.alloc(32)

function prove(directory: Directory, { scheme, name, digest }: Presented): Identified | null {
  if (scheme === null) return null
  if (scheme === 'basic') {
    const integration = directory.get(name)
    return integration !== undefined && holds(integration, digest) ? { integration, identity: 'token' } : null
  }
  const holders = [...directory.all()].filter((integration) => holds(integration, digest))
  const [integration] = holders
  // A token that two integrations share proves neither; Basic names the one that is meant.
  return integration === undefined || holders.length > 1 ? null : { integration, identity: 'token' }
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

function holds(integration: Integration, presented: Buffer): boolean {
  let equal = false
  for (const known of integration.tokenHashes) if (timingSafeEqual(known, presented)) equal = true
  return equal
}
