/** Which integration calls: by the listener it was given, or by its proxy token. Never by an ordinary header. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Identified, IdentityKind, Integration } from '../core/index.ts'

/** The integrations that a caller can prove to be. */
export interface Callers {
  /** `undefined` if no caller is accepted under that name. */
  get(name: string): Integration | undefined
  all(): Iterable<Integration>
  /** SHA-256 of each token that is valid for it now. */
  tokensOf(name: string): readonly Buffer[]
  /** `null` if it is not suspended. */
  suspensionOf(name: string): { readonly until: string | null } | null
}

/** `authorization`: the value of Proxy-Authorization, or of Authorization where the gateway itself is asked, or `null`. `socket`: the connection that it came over. */
export type Identify = (authorization: string | null, socket: Duplex) => Identified | null

/** `boundTo`: the integration that the listener belongs to; `null` where callers send a token. */
export function createIdentify(
  callers: Callers,
  boundTo: string | null,
): (authorization: string | null, socket: Duplex | null) => Identified | null {
  if (boundTo !== null) {
    return () => {
      const integration = callers.get(boundTo)
      return integration === undefined ? null : identified(callers, integration, 'listener')
    }
  }
  const remembered = new WeakMap<Duplex, Presented>()
  return (authorization, socket) => {
    if (authorization === null) return null
    let presented = socket === null ? undefined : remembered.get(socket)
    // Compared with what the same connection sent before, and never with another connection's.
    if (presented?.authorization !== authorization) {
      presented = present(authorization)
      if (socket !== null) remembered.set(socket, presented)
    }
    return findHolder(callers, presented)
  }
}

/** A header's content, parsed once, since a kept connection repeats it. Which integration it proves is looked up for each request. */
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

function findHolder(callers: Callers, { scheme, name, digest }: Presented): Identified | null {
  if (scheme === null) return null
  if (scheme === 'basic') {
    const integration = callers.get(name)
    return integration !== undefined && holds(callers, integration, digest) ? identified(callers, integration, 'token') : null
  }
  const holders = [...callers.all()].filter((integration) => holds(callers, integration, digest))
  const [integration] = holders
  // A token that two integrations share proves neither; Basic names the one that is meant.
  return integration === undefined || holders.length > 1 ? null : identified(callers, integration, 'token')
}

/** With its suspension, so that a refusal for that is recorded under the integration's name. */
export function identified(callers: Callers, integration: Integration, identity: IdentityKind): Identified {
  const suspended = callers.suspensionOf(integration.name)
  const tokenHashes = callers.tokensOf(integration.name)
  return suspended === null ? { integration, identity, tokenHashes } : { integration, identity, tokenHashes, suspended }
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

function holds(callers: Callers, { name }: Integration, presented: Buffer): boolean {
  let equal = false
  for (const known of callers.tokensOf(name)) if (timingSafeEqual(known, presented)) equal = true
  return equal
}
