/** What a request would touch, said without touching it: no DNS, no stat. */
import type { Needs } from './arrival.ts'
import type { JsonObject } from './json.ts'
import type { Permit } from './permit.ts'
import type { Reply } from './reply.ts'
import type { AccessRequest, ResourceKind } from './request.ts'
import type { Progress } from './timeline.ts'

export interface Claim {
  /** The input document's key of the request's kind (`input.http`, `input.tunnel`, …). */
  readonly facts: JsonObject
  /** What the audit record says was asked for; no header, no body, secrets not yet masked. */
  readonly subject: JsonObject
  /** Breakers are kept by it: `scheme://host:port`, `service:name`; `null` where there is no origin. */
  readonly origin: string | null
  /** The effect. Nothing is touched before it is called, and it cannot be called without a Permit. It tells `progress` how far it is. */
  perform(permit: Permit, progress: Progress): Promise<Reply> | Reply
}

/** One kind of thing that can be touched. */
export interface Resource<R extends AccessRequest = AccessRequest> {
  readonly kind: ResourceKind
  claim(request: R, needs: Needs): Claim
}
