/** The one path. Whatever door a request comes through, it takes this and no other; the order is the security property. */
import {
  type AccessRequest,
  type Arrival,
  type Claim,
  type Decision,
  denial,
  type Hangup,
  type Identified,
  isStopped,
  isTakeover,
  type Meter,
  Permit,
  Refusal,
  type Reply,
  type Stations,
  stopRefusal,
  toRefusal,
} from './core/index.ts'
import { Settlement, type SettlingEnd, unrecorded } from './settlement/index.ts'

/** What a door gets: a reply whose record is durable, and the duty to call `settle` once. */
export interface Settling {
  readonly reply: Reply
  readonly meter: Meter
  /** The reply is the gateway's own refusal. */
  readonly refused: boolean
  /** That refusal; `null` where it is not. */
  readonly refusal: Refusal | null
  /** Call it where a refusal waits for its caller to read it: nothing is under way for it any more, and it holds no place among what is. */
  leave(): void
  /** Call it at the last byte, or when either end broke off. `receivedBytes`: body bytes that went to the caller and were not metered as they passed. Never throws. */
  settle(end: SettlingEnd): void
  /** Call it when a bug kept the reply from being delivered: it is reported, and `reply` is a 500 from now on. Never throws. */
  fail(error: unknown): void
}

/** Never throws and never rejects: whatever fails on an arrival's way is answered, recorded, counted and settled here. */
export type Handle = (arrival: Arrival) => Promise<Settling>

export function createPipeline(stations: Stations): Handle {
  return (arrival) => new Passage(stations, arrival).run()
}

/** One arrival on the path. */
class Passage extends Settlement implements Settling {
  /** How long the caller's body was waited for, which is not part of the evaluation. */
  #waitedMs = 0

  async run(): Promise<Settling> {
    const { limits, redactor, auditLog, openConnections, decisionLog, watch, isDraining, requireRoom } = this.stations
    const { arrival, entry } = this
    try {
      if (entry === null) throw unrecorded()
      let who = this.#identify()
      for (let wait = auditLog.behind(nameOf(who)); wait !== null; wait = auditLog.behind(nameOf(who))) {
        await this.#waitForDisk(wait)
        who = this.#identify()
      }
      this.identified()
      const waitMs = limits.arrive(who.integration, arrival.peer)
      if (waitMs > 0) {
        // External calls of rules do not flood, and a decision waits for their answer: their refusal is not delayed.
        const keptMs = arrival.door === 'policy' ? 0 : limits.keepBack(who.integration)
        this.leaveLoop()
        if (keptMs > 0) await keepBack(arrival, keptMs)
        this.counted()
        throw flooded(waitMs, keptMs) // a flood costs no decision and no disk
      }
      this.counted()
      // An external call of the policy belongs to a request that is already under way.
      if (isDraining() && arrival.door !== 'policy') throw draining()
      if (arrival.door !== 'policy') requireRoom()
      if (who instanceof Unidentified) throw who.refusal
      requireNotStopped(who)
      const read = arrival.read(who) // parse, canonicalise; no body is read yet
      this.asked()
      // Pure, synchronous, in process; unless the rules that apply look at the body, or make an external call, which takes this
      // same path.
      const { request, claim, decision } = this.#decide(read) ?? (await this.#deliberate(read))
      const evaluationMs = this.judged(this.#waitedMs)
      this.decision = decision
      this.subject = claim.subject
      entry.decided(request, claim, decision, this.who?.credential, this.who?.contained) // on its way to disk; a reply waits for it; a log known to be broken refuses here
      this.decided = true
      decisionLog?.decided(arrival, request, claim, decision, evaluationMs)
      this.watched = watch?.decided(request, decision) ?? null
      const permit = Permit.from(request, claim, decision, this.stations.suggest) // the only way to make one; throws on a denial
      this.origin = claim.origin
      this.request = request
      const body = 'body' in request ? request.body : null
      const lease = limits.admit(permit, body?.declaredBytes ?? 0) // buckets and concurrency: all or nothing
      this.lease = lease
      this.admitted()
      body?.watch((bytes) => this.sent(bytes), this.hashes?.watch(body)) // and slowed where a bucket is empty
      if (auditLog.strict) {
        this.leaveLoop()
        await (entry.durable() ?? undefined)
        this.enterLoop()
      }
      this.requireGoingOn() // its integration may have been stopped during any of the waits
      const effect = lease.run(() => permit.perform(this)) // through the breaker; the effect, and its only caller
      this.leaveLoop()
      const raw = await effect
      this.enterLoop()
      const reply = redactor.reply(permit, raw)
      this.answer = isTakeover(reply)
        ? openConnections.watch(request, decision, reply, () => arrival.identify())
        : (this.hashes?.of(reply) ?? reply) // what stays open is evaluated again when the policy changes
      const recorded = entry.durable()
      this.recording()
      if (recorded !== null) {
        this.leaveLoop()
        await recorded
        this.enterLoop()
      }
      this.recorded()
      this.answer = this.timed(this.answer)
    } catch (error) {
      await this.refuse(this.reasonOf(toRefusal(error)))
    }
    this.leaveLoop()
    return this
  }

  /** Throws `Refusal('client-closed')` as soon as the caller has left. */
  async #waitForDisk(wait: Promise<void>): Promise<void> {
    this.waitsForDisk = true
    this.leaveLoop()
    await untilGone(wait, this.arrival.hangup)
    this.enterLoop()
    this.waitsForDisk = false
  }

  /** `null`: the decision has to wait for the body or for an external call. */
  #decide(request: AccessRequest): Decided | null {
    const { policy } = this.stations
    if (policy.decideAsync !== null) return null
    const claim = this.#claim(request)
    const decision = policy.decide(request, claim)
    return decision === null ? null : { request, claim, decision }
  }

  /** Made with what the policy needs now: it may have been replaced since the last claim. */
  #claim(request: AccessRequest): Claim {
    const { policy, findResource } = this.stations
    return findResource(request.kind).claim(request, policy.needs)
  }

  /** Decides again if the policy was replaced during a wait: only the policy in force decides. */
  async #deliberate(read: AccessRequest): Promise<Decided> {
    const { policy } = this.stations
    let request = read
    let activations = policy.activations()
    // Without external calls, it is the body that `#decide` has found missing.
    if (policy.decideAsync === null) await this.#buffer(request)
    for (let round = 0; round < maxRounds; round += 1) {
      if (policy.activations() !== activations) {
        activations = policy.activations()
        request = this.#identifyAgain(request)
      }
      let claim = this.#claim(request)
      const readBody = async () => {
        await this.#buffer(request)
        claim = this.#claim(request)
        return claim
      }
      const decision = policy.decideAsync === null ? policy.decide(request, claim) : await policy.decideAsync(request, claim, readBody)
      if (decision === null) await this.#buffer(request)
      else if (policy.activations() === activations) return { request, claim, decision }
    }
    return {
      request,
      claim: this.#claim(request),
      decision: denial('engine/changing', 'the policy changed again and again while the decision waited for answers or the body', ''),
    }
  }

  /** A policy never looks at the body of a file: only these two kinds have one that it may read. */
  async #buffer(request: AccessRequest): Promise<void> {
    const body = request.kind === 'http' || request.kind === 'service' ? request.body : null
    if (body === null || body.whole !== null) throw new Error('the policy needs a body that was read already, or that does not exist')
    const from = this.stations.now()
    const hold = this.stations.limits.holdBody(request.integration, body.declaredBytes)
    this.hold = hold
    this.leaveLoop()
    hold.shrink((await body.buffer(hold.maxBytes)).byteLength)
    this.enterLoop()
    this.#waitedMs += this.stations.now() - from
  }

  /** By now the manifest may have changed, or no longer hold the token. */
  #identifyAgain(request: AccessRequest): AccessRequest {
    if (request.hangup.gone) throw new Refusal('client-closed', 'the caller went away')
    const who = this.#identify()
    if (who instanceof Unidentified) throw who.refusal
    requireNotStopped(who)
    const { integration, identity } = who
    return { ...request, integration, identity }
  }

  /** An arrival that cannot be parsed, or proves nothing, uses up a token of its peer before it is refused. */
  #identify(): Identified | Unidentified {
    try {
      const who = this.arrival.identify()
      this.who = who
      if (who === null) return new Unidentified(proofMissing(this.arrival.door))
      // Its tokens prove nothing: it takes part in no quota of its integration. The record says whose they are.
      return who.contained?.state === 'killed' ? new Unidentified(stopRefusal(who.contained)) : who
    } catch (error) {
      return new Unidentified(error)
    }
  }
}

interface Decided {
  /** With the manifest that it was decided by. */
  readonly request: AccessRequest
  readonly claim: Claim
  readonly decision: Decision
}

/** In each round the policy may make as many external calls as its grants allow. */
const maxRounds = 4

class Unidentified {
  readonly integration = null
  readonly refusal: unknown

  constructor(refusal: unknown) {
    this.refusal = refusal
  }
}

function nameOf({ integration }: Identified | Unidentified): string | null {
  return integration?.name ?? null
}

function untilGone(wait: Promise<void>, hangup: Hangup): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = hangup.onGone(() => reject(new Refusal('client-closed', 'the caller went away')))
    void wait.then(() => {
      forget()
      resolve()
    })
  })
}

/** Resolves when the time is over or the caller has left. Meanwhile its connection is not read. */
function keepBack({ hangup, socket }: Arrival, ms: number): Promise<void> {
  return new Promise((resolve) => {
    // In a later turn: Node resumes the socket by itself when the request that it is parsing has ended.
    const pausing = setImmediate(() => socket?.pause())
    const timer = setTimeout(end, ms)
    // It may call back before it returns, when `forget` is not there yet.
    const forget = hangup.onGone(end)
    function end(): void {
      clearTimeout(timer)
      clearImmediate(pausing)
      queueMicrotask(() => forget())
      socket?.resume()
      resolve()
    }
  })
}

/** `keptMs`: how long it was delayed. A connection whose refusal was delayed is closed, with what else was sent on it. */
function flooded(waitMs: number, keptMs: number): Refusal {
  const detail = 'more requests arrive than this caller’s arrivals bucket holds'
  const { code, message, headers } = Refusal.retryLater('arrivals-exceeded', detail, waitMs)
  return new Refusal(code, message, { headers: keptMs > 0 ? [...headers, 'connection', 'close'] : headers })
}

function draining(): Refusal {
  return new Refusal('draining', 'the gateway is shutting down', { headers: ['retry-after', '5', 'connection', 'close'] })
}

/**
 * RFC 9110 §11.7.1 and §11.6.1: with a challenge. Where the gateway is asked by its own name it is no proxy, and browsers and fetch show
 * a 407 of what is no proxy as a failure of the network.
 */
function proofMissing(door: Arrival['door']): Refusal {
  const own = door === 'services' || door === 'broker'
  const challenge = own ? 'www-authenticate' : 'proxy-authenticate'
  const header = own ? 'Authorization or Proxy-Authorization' : 'Proxy-Authorization'
  const detail = `send the integration’s token as ${header} (Bearer <token>, or Basic <integration>:<token>), or use the integration’s own listener`
  return new Refusal(own ? 'unauthenticated' : 'unidentified', detail, {
    headers: [challenge, 'Basic realm="sallyport", charset="UTF-8"', challenge, 'Bearer realm="sallyport"'],
  })
}

/** Throws `Refusal('suspended')` or `Refusal('killed')`. */
function requireNotStopped({ contained }: Identified): void {
  if (contained !== undefined && isStopped(contained)) throw stopRefusal(contained)
}
