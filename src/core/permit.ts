/** What a request would touch, and the proof that it may: an effect is reached through a permit of its own claim, and in no other way. */
import type { Needs } from './arrival.ts'
import type { Decision } from './decision.ts'
import type { JsonObject } from './json.ts'
import { Refusal, type Suggest } from './refusal.ts'
import type { Reply } from './reply.ts'
import type { AccessRequest, ResourceKind } from './request.ts'
import type { Progress } from './timeline.ts'

/** What a resource does with a request that is allowed. It tells `progress` how far it is. */
export type Effect<R extends AccessRequest = AccessRequest> = (permit: Permit<R>, progress: Progress) => Promise<Reply> | Reply

export interface ClaimParts {
  /** The input document's key of the request's kind (`input.http`, `input.tunnel`, …). */
  readonly facts: JsonObject
  /** What the audit record says was asked for; no header, no body, secrets not yet masked. */
  readonly subject: JsonObject
  /** Breakers are kept by it: `scheme://host:port`, `service:name`; `null` where there is no origin. */
  readonly origin: string | null
}

/** Never leaves this file: an effect is given for it, and only a Permit has it. */
const key: unique symbol = Symbol('permit')

/** What a request would touch, said without touching it: no DNS, no stat. */
export class Claim implements ClaimParts {
  readonly facts: JsonObject
  readonly subject: JsonObject
  readonly origin: string | null
  readonly #request: AccessRequest
  /** `null` once a permit has it. */
  #effect: Effect | null

  private constructor(request: AccessRequest, effect: Effect, { facts, subject, origin }: ClaimParts) {
    this.facts = facts
    this.subject = subject
    this.origin = origin
    this.#request = request
    this.#effect = effect
  }

  /** `effect`: one function per resource. It finds the request in its permit, so that it costs no closure per request. */
  static of<R extends AccessRequest>(request: R, effect: Effect<R>, parts: ClaimParts): Claim {
    // Its permit is made with this very request.
    return new Claim(request, effect as Effect<never> as Effect, parts)
  }

  /** Gives its effect to its permit, once. Throws TypeError for any other caller, and where it is not the claim of `request`. */
  take(request: AccessRequest, given: typeof key): Effect {
    const effect = this.#effect
    if (given !== key) throw new TypeError('an effect without a Permit')
    if (this.#request !== request) throw new TypeError('a claim of another request')
    if (effect === null) throw new TypeError('a claim that has its permit already')
    this.#effect = null
    return effect
  }
}

/** Proof that a request was allowed. `Permit.from` is the only way to make one. */
export class Permit<R extends AccessRequest = AccessRequest> {
  // Private fields make the class nominal, at run time too: an object of the same shape is not a Permit.
  readonly #request: R
  readonly #claim: Claim
  readonly #decision: Decision
  /** `null` once it is performed. */
  #effect: Effect | null

  /** Checks here, since a cast gets around `private`. */
  private constructor(request: R, claim: Claim, decision: Decision, suggest: Suggest) {
    if (decision.allow !== true) throw Refusal.denied(request, decision, suggest)
    this.#request = request
    this.#claim = claim
    this.#decision = decision
    // Not `claim.take`: what only looks like a claim must not be handed the key.
    this.#effect = Claim.prototype.take.call(claim, request, key)
  }

  /**
   * Throws `Refusal('policy-denied')` (or `policy-failed` where the engine itself was at fault) on a denial, and TypeError
   * where `claim` was not made for `request` or has a permit already.
   */
  static from<R extends AccessRequest>(request: R, claim: Claim, decision: Decision, suggest: Suggest): Permit<R> {
    return new Permit(request, claim, decision, suggest)
  }

  get request(): R {
    return this.#request
  }

  get claim(): Claim {
    return this.#claim
  }

  get decision(): Decision {
    return this.#decision
  }

  /** Performs the effect of its claim; the only caller of an effect. Throws TypeError the second time. */
  perform(progress: Progress): Promise<Reply> | Reply {
    const effect = this.#effect
    if (effect === null) throw new TypeError('a permit that was performed already')
    this.#effect = null
    return effect(this, progress)
  }
}

/** One kind of thing that can be touched. */
export interface Resource<R extends AccessRequest = AccessRequest> {
  readonly kind: ResourceKind
  claim(request: R, needs: Needs): Claim
}
