/** What each station of the path promises. Rooms below the pipeline implement these, and `gateway/` joins them. */
import type { Arrival, Needs } from './arrival.ts'
import type { Identified } from './caller.ts'
import type { Contained } from './containment.ts'
import type { Decision } from './decision.ts'
import type { Integration } from './integration.ts'
import type { BreakerReport, Outcome, Tokens } from './outcome.ts'
import type { Claim, Permit, Resource } from './permit.ts'
import type { Refusal, Suggest } from './refusal.ts'
import type { Meter, Reply, Takeover } from './reply.ts'
import type { AccessRequest, ResourceKind } from './request.ts'
import type { Tracing } from './tracing.ts'

/** Reads the body, and makes the claim again, with it. */
export type ReadBody = () => Promise<Claim>
export type DecideAsync = (request: AccessRequest, claim: Claim, readBody: ReadBody) => Promise<Decision>

export interface Policy {
  /** What the active policy can look at. Read it for each arrival: it changes when another policy is activated. */
  readonly needs: Needs
  /**
   * Pure, synchronous, never throws: a failure of the engine is a denial by an `engine/…` rule. `null`: the rules that
   * apply to this request look at its body, and the claim was made without it. A decision made without the body holds for any body.
   */
  decide(request: AccessRequest, claim: Claim): Decision | null
  /**
   * Instead of `decide`, where the active policy may first have to make an external call (`http.send`); `null` where it never does.
   * Where it looks at a body that was not read it continues with the claim of `readBody`, and rejects only as that does.
   */
  readonly decideAsync: DecideAsync | null
  /** How many times what decides was replaced; a shadow policy that decides a share of the requests counts as well. */
  activations(): number
}

export interface Lease extends Meter {
  /** Charges bytes from the destination that have passed already, whether the bucket had room for them or not. */
  overdraw(bytes: number): void
  /** Through the breaker of the permit's integration and its claim's origin, where there is one. Throws `Refusal('breaker-open')`. */
  run(effect: () => Promise<Reply> | Reply): Promise<Reply> | Reply
  /** Frees its place among those that are open at once, before it is settled; later calls do nothing. */
  leave(): void
  /** Settles and frees, once; later calls do nothing. Bytes that still wait for room are dropped. */
  settle(outcome: Outcome): void
  /** Of the breaker as the request came to it; `null` where it came to none. */
  readonly breakerState: BreakerReport['state'] | null
  /** Taken so far, for what has passed. */
  readonly tokens: Tokens
}

/** Each request's share of the processor, estimated. `loopMs`: for which its path held the event loop; `passedMs`: the sum of what `passed` has answered. */
export interface CpuShare {
  /** So far. */
  shareMs(loopMs: number, passedMs: number): number
  /** At its end, which counts it. */
  settledMs(loopMs: number, passedMs: number): number
  /** A chunk has passed. Answers its weight. */
  passed(bytes: number): number
}

/** Memory for a body that the policy looks at. */
export interface BodyHold {
  /** The longest body that the policy may look at (`http.maxPolicyBody`). */
  readonly maxBytes: number
  /** Gives memory back once the body's real length is known. */
  shrink(bytes: number): void
  /** Gives back the rest, once; later calls do nothing. */
  release(): void
}

export interface Limits {
  /**
   * Takes one token of the arrivals bucket: the integration's, or the peer's where the caller is unidentified. Answers 0, or
   * the milliseconds until there is a token again: the arrival is then refused, and recorded in a sum.
   */
  arrive(integration: Integration | null, peer: string): number
  /** Milliseconds by which the refusal of an arrival without a token is delayed: a caller that floods waits, and costs others little. */
  keepBack(integration: Integration | null): number
  /** Buckets and concurrency, all or nothing. Throws `Refusal` with Retry-After. */
  admit(permit: Permit, declaredBytes: number): Lease
  /** Before a body is read for the policy; `null`: its length is not declared. Throws `Refusal('bodies-exceeded')`. */
  holdBody(integration: Integration, declaredBytes: number | null): BodyHold
}

/** One arrival's records. None of these throws; a broken log shows in `durable`. */
export interface Entry {
  /** Id of the trace, as its records have it: what the caller names, or a new one. */
  readonly trace: string
  /** `credential` and `contained`: as in `Identified`. Throws `Refusal('audit-unavailable')` when the log is known to be broken: no effect begins. */
  decided(request: AccessRequest, claim: Claim, decision: Decision, credential?: string, contained?: Contained): void
  /** Instead of `decided`, where the path ended before a decision. */
  refused(refusal: Refusal, who: Identified | null): void
  /** Instead of both records, in a flood: it is counted, and recorded in a sum of equal refusals. */
  summed(refusal: Refusal, who: Identified | null): void
  /** `null` when what was recorded is on disk already; else a promise that rejects with `Refusal('audit-unavailable')`. */
  durable(): Promise<void> | null
  settled(outcome: Outcome): void
}

export interface AuditLog {
  /** Effects wait until their decision is on disk (`audit.durability: strict`). */
  readonly strict: boolean
  /** Settlements say the SHA-256 of the bodies (`audit.bodyHashes`). */
  readonly hashesBodies?: boolean
  /** `null`; or, when the disk falls behind, a promise to wait for before anything more is recorded of this integration, `null` where that is not known. Ask again after it. Never rejects. */
  behind(integration: string | null): Promise<void> | null
  open(arrival: Arrival): Entry
}

export interface Redactor {
  /** Masks known secrets and values of sensitive keys in the reply; returns the reply itself where there is nothing to mask. */
  reply(permit: Permit, reply: Reply): Reply
}

export interface OpenConnections {
  /**
   * A connection that stays open is evaluated again when the policy changes, and cut when it is no longer allowed or
   * `reauthenticate` (as `Arrival.identify`) no longer says that the same integration calls.
   */
  watch(request: AccessRequest, decided: Decision, reply: Takeover, reauthenticate: () => Identified | null): Takeover
}

/** One arrival on its way, from its first moment until it is settled. */
export interface Exchange {
  /** Where `Exchanges` has it. */
  place: number
  /** Whose it is, as far as that is known by now. */
  readonly integration: string | null
  /** Its integration may do nothing any more: it ends, and no further byte passes. Never throws. */
  stop(contained: Contained): void
}

/** Every exchange of the gateway, so that those of one integration can be stopped. */
export interface Exchanges {
  began(exchange: Exchange): void
  ended(exchange: Exchange): void
}

export interface DecisionLog {
  /** Queues a decision for upload; the work is done in a later turn of the event loop. Never throws, and nothing waits for it. */
  decided(arrival: Arrival, request: AccessRequest, claim: Claim, decision: Decision, evaluationMs: number): void
}

export interface Usage {
  /** `trace`: what an example of such a request may lead to; `null` where nothing is found there. */
  settled(integration: Integration | null, origin: string | null, outcome: Outcome, trace?: string | null): void
}

/** What is counted of an open request; its bytes are added as they pass. */
export interface Watched {
  /** From the integration to the destination. */
  sentBytes: number
  receivedBytes: number
}

/** What watching needs to know of an outcome. */
export type WatchedEnd = Pick<Outcome, 'status' | 'problem' | 'durationMs' | 'isTakeover'>

/** What passes is counted, so that the unusual is noticed. None of these throws or waits. */
export interface Watch {
  /** Allowed or not; `settled` gets what this returns. */
  decided(request: AccessRequest, decision: Decision): Watched
  /** `watched`: `null` where it ended before a decision. `at`: its arrival, in milliseconds since the epoch. */
  settled(watched: Watched | null, integration: Integration | null, id: string, at: number, ended: WatchedEnd): void
}

export interface Stations {
  readonly policy: Policy
  readonly limits: Limits
  readonly findResource: (kind: ResourceKind) => Resource
  readonly redactor: Redactor
  readonly auditLog: AuditLog
  /** `null`: no decisions are uploaded. */
  readonly decisionLog: DecisionLog | null
  readonly usage: Usage
  /** `null`: nothing is watched. */
  readonly watch: Watch | null
  readonly tracing?: Tracing
  readonly cpu?: CpuShare
  readonly openConnections: OpenConnections
  readonly exchanges: Exchanges
  /** For denials of the default policy. */
  readonly suggest: Suggest
  /** The gateway is shutting down: new work is refused, and live work may end. */
  readonly isDraining: () => boolean
  /** Throws `Refusal('audit-unavailable')` where the disk of the audit log has too little room for new work. */
  readonly requireRoom: () => void
  /** Reports an error that is not a Refusal, and so is a bug, to the operator. */
  readonly onBug: (error: unknown, arrivalId: string, trace: string | null) => void
  /** Reports a refusal with `forOperator`. */
  readonly onRefusal: (outcome: Outcome, arrivalId: string, integration: string | null, trace: string | null) => void
  /** Bytes have passed, either way. */
  readonly onBytes: (bytes: number) => void
  /** Milliseconds, monotonic. */
  readonly now: () => number
}
