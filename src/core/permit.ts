/** Proof that a request was allowed. Every effect takes one, and `Permit.from` is the only way to make one. */
import type { Decision } from './decision.ts'
import { Refusal, type Suggest } from './refusal.ts'
import type { AccessRequest } from './request.ts'

export class Permit<R extends AccessRequest = AccessRequest> {
  readonly request: R
  readonly decision: Decision
  // A private field makes the class nominal: an object of the same shape is not a Permit.
  readonly #minted: true

  private constructor(request: R, decision: Decision) {
    this.request = request
    this.decision = decision
    this.#minted = true
  }

  /** Throws `Refusal('policy-denied')` (or `policy-failed` where the engine itself was at fault) on a denial. */
  static from<R extends AccessRequest>(request: R, decision: Decision, suggest: Suggest): Permit<R> {
    if (decision.allow !== true) throw Refusal.denied(request, decision, suggest)
    return new Permit(request, decision)
  }

  /** Effects call this first, so that a forged object fails where types were cast away. */
  static isGenuine(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #minted in value && value.#minted
  }
}
