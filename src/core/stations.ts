/** What each station of the path promises. The folders of floor 5 implement these; `gateway.ts` joins them. */
import type { Arrival, Needs } from './arrival.ts'
import type { Identified } from './caller.ts'
import type { Decision } from './decision.ts'
import type { Integration } from './integration.ts'
import type { Outcome } from './outcome.ts'
import type { Claim, Permit, Resource } from './permit.ts'
import type { Refusal, Suggest } from './refusal.ts'
import type { Meter, Reply, Takeover } from './reply.ts'
import type { AccessRequest, ResourceKind } from './request.ts'

/** Reads the body; the claim anew, with it. */
export type ReadBody = () => Promise<Claim>
export type Consult = (request: AccessRequest, claim: Claim, readBody: ReadBody) => Promise<Decision>

export interface Policy {
  /** What the active policy can look at. Read it anew for each arrival: it changes with a reload. */
  readonly needs: Needs
  /**
   * Pure, synchronous, never throws: a failure of the engine is a denial by an `engine/…` rule. `null`: the rules that
   * apply to this request look at its body, which the claim was made without. What is decided without it holds for any.
   */
  decide(request: AccessRequest, claim: Claim): Decision | null
  /**
   * Instead of `decide`, where the active policy may first have to ask outside (`http.send`); `null` where it never does.
   * Where it looks at a body that was not read it goes on with the claim of `readBody`, and rejects only as that does.
   */
  readonly consult: Consult | null
  /** How many times what decides was exchanged, a candidate that decides a share included. */
  activations(): number
}

export interface Lease extends Meter {
  /** Bytes from the destination that have passed already, whether there was room for them or not. */
  overdraw(bytes: number): void
  /** Through the breaker of the permit's integration and its claim's origin, where there is one. Throws `Refusal('breaker-open')`. */
  run(effect: () => Promise<Reply> | Reply): Promise<Reply> | Reply
  /** Settles and frees, once; later calls do nothing. Bytes that still wait for room pass no more. */
  settle(outcome: Outcome): void
}

/** Memory for a body that the policy looks at. */
export interface BodyHold {
  /** The longest body that the policy may look at (`http.maxPolicyBody`). */
  readonly maxBytes: number
  /** It turned out to be no longer than this. */
  shrink(bytes: number): void
  /** Once; later calls do nothing. */
  release(): void
}

export interface Limits {
  /**
   * One token of the arrivals bucket: the integration's, or the peer's for the unidentified.
   * 0; or the milliseconds until it has one again: the arrival is refused and recorded in a sum.
   */
  arrive(integration: Integration | null, peer: string): number
  /** Milliseconds for which the refusal of one arrival too many is kept back: who floods waits, and costs others little. */
  keepBack(integration: Integration | null): number
  /** Buckets and concurrency, all or nothing. Throws `Refusal` with Retry-After. */
  admit(permit: Permit, declaredBytes: number): Lease
  /** Before a body is read for the policy; `null`: its length is not declared. Throws `Refusal('bodies-exceeded')`. */
  holdBody(integration: Integration, declaredBytes: number | null): BodyHold
}

/** One arrival's records. None of these throws; a broken log shows in `durable`. */
export interface Entry {
  /** Throws `Refusal('audit-unavailable')` where it is known that nothing can be recorded: no effect begins. */
  decided(request: AccessRequest, claim: Claim, decision: Decision): void
  /** Instead of `decided`, where the path ended before a decision. */
  refused(refusal: Refusal, who: Identified | null): void
  /** Instead of both records, in a flood: counted, and recorded in a sum with its like. */
  summed(refusal: Refusal, who: Identified | null): void
  /** `null` when what was recorded is on disk already; else a promise that rejects with `Refusal('audit-unavailable')`. */
  durable(): Promise<void> | null
  settled(outcome: Outcome): void
}

export interface AuditLog {
  /** The effect itself waits for its record (`audit.durability: strict`). */
  readonly strict: boolean
  /** `null`; or, where the disk is behind, a promise to wait for before anything more is recorded, and then to ask again. Never rejects. */
  behind(): Promise<void> | null
  open(arrival: Arrival): Entry
}

export interface Redactor {
  /** Masks every known secret and telling key in a reply that the gateway lets through; the reply itself where nothing is to be masked. */
  reply(permit: Permit, reply: Reply): Reply
}

export interface Live {
  /**
   * A connection that stays open is judged again when the policy changes, and cut when it is no longer allowed or
   * `prove` (as `Arrival.identify`) no longer says that the same integration calls.
   */
  watch(request: AccessRequest, decided: Decision, reply: Takeover, prove: () => Identified | null): Takeover
}

export interface DecisionLog {
  /** Takes note of a decision; what is done with it is done in a later turn. Never throws, and nothing waits for it. */
  decided(arrival: Arrival, request: AccessRequest, claim: Claim, decision: Decision, evaluationMs: number): void
}

export interface Usage {
  settled(integration: Integration | null, origin: string | null, outcome: Outcome): void
}

export interface Stations {
  readonly policy: Policy
  readonly limits: Limits
  readonly findResource: (kind: ResourceKind) => Resource
  readonly redactor: Redactor
  readonly auditLog: AuditLog
  /** `null`: decisions are sent nowhere. */
  readonly decisionLog: DecisionLog | null
  readonly usage: Usage
  readonly live: Live
  /** For denials of the default policy. */
  readonly suggest: Suggest
  /** The gateway is shutting down: it takes no new work, and what is under way may end. */
  readonly isDraining: () => boolean
  /** What was thrown and was no Refusal: a bug, told to the operator. */
  readonly onBug: (error: unknown, arrivalId: string) => void
  /** A refusal that has something to say to the operator alone. */
  readonly onRefusal: (outcome: Outcome, arrivalId: string, integration: string | null) => void
  /** Bytes have passed, either way. */
  readonly onBytes: (bytes: number) => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
}
