/** The door for external calls of rules: each is an arrival like any other, decided by the manifest of the integration that the policy was granted. */

import { canonicalHost, canonicalPath, formatAuthority, parseAuthority } from '../canonical/index.ts'
import {
  type AccessRequest,
  type Arrival,
  type Asked,
  type DecidedRequest,
  type ExternalCalls,
  type ExternalReply,
  type ExternalRequest,
  type Hangup,
  type Identified,
  type Integration,
  type JudgedBody,
  type Meter,
  type RedactionSettings,
  Refusal,
  type Slowed,
} from '../core/index.ts'
import type { Handle } from '../pipeline.ts'
import { askedBy } from './asked.ts'
import { createDeadline } from './hangup.ts'
import { forwardableHeaders } from './headers.ts'
import { SentCount, slicesOf } from './request-body.ts'
import type { NextId } from './request-id.ts'
import { collect } from './whole-reply.ts'

export interface PolicyDoorOptions {
  readonly handle: Handle
  readonly nextId: NextId
  /** The integration that the configuration grants external calls to. */
  readonly identify: () => Identified | null
  readonly maxReplyBytes: number
}

type Read = (arrival: PolicyArrival, who: Identified) => AccessRequest

export function createPolicyDoor({ handle, nextId, identify, maxReplyBytes }: PolicyDoorOptions): ExternalCalls {
  // Manifests are few and live long, and so do the integrations whose requests are decided.
  const onBehalf = new WeakMap<Integration, WeakMap<Integration, Integration>>()

  /** Calls for one integration use up no share of another's, and mask what that integration's requests mask. */
  function identifyFor(decided: Integration): Identified | null {
    const who = identify()
    if (who === null) return null
    const { integration } = who
    const known = onBehalf.get(integration) ?? new WeakMap<Integration, Integration>()
    onBehalf.set(integration, known)
    let shared = known.get(decided)
    if (shared === undefined) {
      const redaction = redactionOfBoth(integration.redaction, decided.redaction)
      shared = { ...integration, redaction, askedFor: decided.name }
      known.set(decided, shared)
    }
    return { ...who, integration: shared }
  }

  async function ask(asked: () => Asked, read: Read, timeoutMs: number, decided: DecidedRequest): Promise<ExternalReply> {
    const deadline = createDeadline(timeoutMs, decided.hangup)
    try {
      const identify = () => identifyFor(decided.integration)
      const settling = await handle(
        new PolicyArrival(nextId(), { parent: decided.id, hangup: deadline.hangup, cut: deadline.hangUp, identify, asked, read }),
      )
      const body = await collect(settling, maxReplyBytes, deadline.hangup)
      if (settling.refused) throw new Error(`refused: ${(JSON.parse(body.toString()) as { detail: string }).detail}`)
      return { status: settling.reply.status, headers: settling.reply.headers, body }
    } catch (error) {
      if (decided.hangup.gone) throw new Error('the caller went away')
      throw deadline.hangup.gone ? new Error(`no answer within ${Math.round(timeoutMs)} ms`) : error
    } finally {
      deadline.end()
    }
  }

  return {
    send(request, decided) {
      const asked = () => askedBy(request.method, request.url, null)
      return ask(asked, (arrival, who) => readHttp(arrival, who, request), request.timeoutMs, decided)
    },
    async lookup(name, timeoutMs, decided) {
      const asked = () => ({ method: null, host: name, path: null })
      const { body } = await ask(asked, (arrival, who) => readLookup(arrival, who, name), timeoutMs, decided)
      return JSON.parse(body.toString()) as readonly string[]
    },
  }
}

function redactionOfBoth(grantee: RedactionSettings, decided: RedactionSettings): RedactionSettings {
  return {
    headers: [...grantee.headers, ...decided.headers],
    queryKeys: [...grantee.queryKeys, ...decided.queryKeys],
    jsonKeys: [...grantee.jsonKeys, ...decided.jsonKeys],
  }
}

interface Calling extends Pick<PolicyArrival, 'parent' | 'hangup' | 'cut' | 'identify' | 'asked'> {
  readonly read: Read
}

class PolicyArrival implements Arrival {
  readonly door = 'policy'
  readonly peer = 'policy'
  readonly at = Date.now()
  readonly id: string
  readonly parent: string
  readonly hangup: Hangup
  readonly identify: () => Identified | null
  readonly asked: () => Asked
  /** There is no connection to cut: what waits for an answer learns that there is none. */
  readonly cut: () => void
  readonly #read: Read

  constructor(id: string, { parent, hangup, cut, identify, asked, read }: Calling) {
    this.id = id
    this.parent = parent
    this.hangup = hangup
    this.identify = identify
    this.asked = asked
    this.cut = cut
    this.#read = read
  }

  read(who: Identified): AccessRequest {
    return this.#read(this, who)
  }
}

function common({ id, door, at, hangup }: PolicyArrival, { integration, identity }: Identified) {
  return { id, door, at, hangup, integration, identity } as const
}

function readHttp(arrival: PolicyArrival, who: Identified, { method, url, headers, body }: ExternalRequest): AccessRequest {
  const match = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(url)
  if (match === null) throw new Refusal('malformed-request', 'the URL is neither http:// nor https://, or has a fragment')
  const scheme = match[1]?.toLowerCase() === 'https' ? 'https' : 'http'
  const [, , rawAuthority = '', rest = ''] = match
  if (rawAuthority.includes('@')) throw new Refusal('malformed-request', 'the URL has credentials before the host')
  const defaultPort = scheme === 'http' ? 80 : 443
  const { host, port } = parseAuthority(rawAuthority, defaultPort)
  const { path, query } = canonicalPath(rest === '' || rest.startsWith('?') ? `/${rest}` : rest, who.integration.network)
  const forwarded = forwardableHeaders(headers)
  forwarded.push('host', formatAuthority(host, port, defaultPort))
  return {
    ...common(arrival, who),
    kind: 'http',
    action: method,
    target: { scheme, host, port, method, path, query },
    headers: forwarded,
    body: body === null ? null : new WholeBody(body),
    isLastHop: false,
  }
}

function readLookup(arrival: PolicyArrival, who: Identified, name: string): AccessRequest {
  return { ...common(arrival, who), kind: 'lookup', action: 'resolve', target: { host: canonicalHost(name) } }
}

/** A body that has arrived completely. */
class WholeBody implements JudgedBody {
  readonly whole: Buffer
  readonly declaredBytes: number
  readonly #count = new SentCount()

  constructor(whole: Buffer) {
    this.whole = whole
    this.declaredBytes = whole.byteLength
  }

  watch(meter: Meter['sent']): void {
    this.#count.watch(meter)
  }

  count(bytes: number): Slowed | null {
    return this.#count.countWhole(bytes)
  }

  async arrived(): Promise<boolean> {
    return true
  }

  async buffer(): Promise<Buffer> {
    return this.whole
  }

  async *chunks(maxBytes: number): AsyncGenerator<Uint8Array> {
    if (this.declaredBytes > maxBytes) throw new Refusal('payload-too-large', `the body is larger than ${maxBytes} bytes`)
    yield* this.#count.whole(this.whole, (rest) => this.#metered(rest))
  }

  async *#metered(rest: Buffer): AsyncGenerator<Uint8Array> {
    const slowed = this.#count.count(rest.byteLength)
    if (slowed === null) yield rest
    else yield* slicesOf(rest, slowed)
  }
}
