/** Which integration calls: by the listener it was given, or by its proxy token. Never by an ordinary header. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Contained, Identified, IdentityKind, Integration } from '../core/index.ts'

/** The integrations that a caller can prove to be. */
export interface Callers {
  /** `undefined` if no caller is accepted under that name. */
  get(name: string): Integration | undefined
  all(): Iterable<Integration>
  /** SHA-256 of each token that is valid for it now. */
  tokensOf(name: string): readonly Buffer[]
  /** Whether this is the SHA-256 of a token of any of them. */
  isToken(digest: Buffer): boolean
  /** `null`: normal. */
  containedIn(name: string): Contained | null
}

/** `authorization`: the value of Proxy-Authorization, or of Authorization where the gateway itself is asked, or `null`. `socket`: the connection that it came over. */
export interface Identify {
  (authorization: string | null, socket: Duplex): Identified | null
  /** The name that its caller claims, for a record; never a token that was put in the place of the name. `null`: it claims none. */
  claimed?(authorization: string | null): string | null
}

type Known = Pick<Required<Identify>, 'claimed'> & ((authorization: string | null, socket: Duplex | null) => Identified | null)

/** `boundTo`: the integration that the listener belongs to; `null` where callers send a token. */
export function createIdentify(callers: Callers, boundTo: string | null, listener = ''): Known {
  if (boundTo !== null) {
    const credential = `listener:${listener}`
    const byListener = () => {
      const integration = callers.get(boundTo)
      return integration === undefined ? null : identified(callers, integration, 'listener', credential)
    }
    return Object.assign(byListener, { claimed: () => boundTo })
  }
  const claimed = (authorization: string | null) => (authorization === null ? null : claimedName(callers, present(authorization)))
  return Object.assign(createTokenIdentify(callers), { claimed })
}

function createTokenIdentify(callers: Callers) {
  const remembered = new WeakMap<Duplex, Presented>()
  return (authorization: string | null, socket: Duplex | null): Identified | null => {
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
  readonly credential: string
}

/** `Basic <integration>:<token>` (what clients make of `http://name:token@host`) or `Bearer <token>`. */
function present(authorization: string): Presented {
  const space = authorization.indexOf(' ')
  const scheme = authorization.slice(0, space).toLowerCase()
  const credentials = authorization.slice(space + 1).trim()
  if (scheme === 'basic') {
    const pair = Buffer.from(credentials, 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    if (colon >= 0) return { authorization, scheme, name: pair.slice(0, colon), ...proofOf(pair.slice(colon + 1)) }
  } else if (scheme === 'bearer') return { authorization, scheme, name: '', ...proofOf(credentials) }
  return { authorization, scheme: null, name: '', digest: nothing, credential: '' }
}

/** The short id finds the token's hash in a manifest, and is too short to find a token by. */
function proofOf(token: string): Pick<Presented, 'digest' | 'credential'> {
  const hashed = digest(token)
  return { digest: hashed, credential: `token:${hashed.toString('hex', 0, 6)}` }
}

/** As the schema of names has it. */
const nameForm = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** People put tokens where the name belongs: what is no name, and what is a token of anybody's, is not recorded. */
function claimedName(callers: Callers, { scheme, name }: Presented): string | null {
  if (scheme !== 'basic' || name === '') return null
  if (callers.get(name) !== undefined) return name
  if (!nameForm.test(name)) return '[not a name]'
  return callers.isToken(digest(name)) ? '[redacted]' : name
}

const nothing = Buffer.alloc(32)

function findHolder(callers: Callers, { scheme, name, digest, credential }: Presented): Identified | null {
  if (scheme === null) return null
  if (scheme === 'basic') {
    const integration = callers.get(name)
    return integration !== undefined && holds(callers, integration, digest) ? identified(callers, integration, 'token', credential) : null
  }
  const holders = [...callers.all()].filter((integration) => holds(callers, integration, digest))
  const [integration] = holders
  // A token that two integrations share proves neither; Basic names the one that is meant.
  return integration === undefined || holders.length > 1 ? null : identified(callers, integration, 'token', credential)
}

/** With what it is held in, so that a refusal for that is recorded under the integration's name. */
export function identified(callers: Callers, integration: Integration, identity: IdentityKind, credential?: string): Identified {
  const contained = callers.containedIn(integration.name)
  const { isToken } = callers
  const who = credential === undefined ? { integration, identity, isToken } : { integration, identity, isToken, credential }
  return contained === null ? who : { ...who, contained }
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

function holds(callers: Callers, { name }: Integration, presented: Buffer): boolean {
  let equal = false
  for (const known of callers.tokensOf(name)) if (timingSafeEqual(known, presented)) equal = true
  return equal
}
