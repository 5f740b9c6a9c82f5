/** One decision in the form of OPA's decision log (EventV1), masked by the gateway's redactor before anything else sees it. */
import { segmentsOf } from '../canonical/index.ts'
import { type AccessRequest, type Arrival, type Claim, type Decision, isEngineFailure, type Json, type JsonObject } from '../core/index.ts'

/** Known secrets, and values under a sensitive key. */
export interface Redact {
  text(text: string): string
  /** A copy without them; nothing of the original is shared. */
  document(value: Json): Json
}

export type Labels = Readonly<Record<string, string>>
export type BundleRevisions = Readonly<Record<string, { readonly revision?: string }>>

/** A decision as it was taken note of. */
export interface Decided {
  readonly arrival: Arrival
  readonly request: AccessRequest
  readonly claim: Claim
  readonly decision: Decision
  readonly evaluationMs: number
  /** `input.context` as the policy was shown it; `null` where it cannot look at it. */
  readonly context: JsonObject | null
  readonly bundles: BundleRevisions
  /** From 1. */
  readonly number: number
}

/** A larger body is not copied and masked beside requests: the event says that it was left out. */
const maxBodyBytes = 256 * 1024

/** Keys and their order are OPA's. */
export interface DecisionEvent {
  readonly labels: Labels
  readonly decision_id: string
  readonly revision: string
  readonly bundles: BundleRevisions
  readonly path: string
  readonly input?: Json
  readonly result?: Json
  erased?: readonly string[]
  masked?: readonly string[]
  readonly error?: { readonly code: string; readonly message: string }
  readonly requested_by: string
  readonly timestamp: string
  readonly metrics: Readonly<Record<string, number>>
  readonly req_id: number
}

export function createEvent(decided: Decided, labels: Labels, redact: Redact): DecisionEvent {
  const { request, decision, claim } = decided
  const { allow, rule, capability, reasons, obligations } = decision
  return eventOf(decided, labels, redact, {
    input: inputOf(decided, redact),
    result: redact.document({ allow, rule, ...(capability !== null && { capability }), reasons, obligations: { ...obligations } } as Json),
    ...(hasLargeBody(claim) && { erased: [`/input/${request.kind}/body/value`] }),
  })
}

/** What is left of an event when all that may be masked is taken out of it. */
export function createBareEvent(decided: Decided, labels: Labels, redact: Redact): DecisionEvent {
  const event = eventOf(decided, labels, redact, { erased: ['/input', '/result'] })
  const message = 'the masks of the decision log failed on this event: what they could have masked is left out'
  return { error: { code: 'mask_failed', message }, ...event }
}

function eventOf(
  { arrival, request, decision, bundles, number, evaluationMs }: Decided,
  labels: Labels,
  redact: Redact,
  documents: Pick<DecisionEvent, 'input' | 'result' | 'erased'>,
): DecisionEvent {
  const { rule, reasons, revision } = decision
  return {
    labels,
    decision_id: request.id,
    revision,
    bundles,
    path: 'sallyport/decision',
    ...documents,
    ...(isEngineFailure(decision) && {
      error: { code: `eval_${rule.slice('engine/'.length).replaceAll('-', '_')}`, message: redact.text(reasons.join('; ')) },
    }),
    requested_by: arrival.peer,
    timestamp: new Date(request.at).toISOString(),
    metrics: { timer_rego_query_eval_ns: Math.round(evaluationMs * 1e6) },
    req_id: number,
  }
}

/** What the policy could look at; what it could not was not even computed. */
export function inputOf({ request, claim, context }: Pick<Decided, 'request' | 'claim' | 'context'>, redact: Redact): JsonObject {
  const { id, at, door, kind, action, integration, identity } = request
  const facts = redact.document(hasLargeBody(claim) ? withoutBodyValue(claim.facts) : claim.facts) as Record<string, Json>
  return {
    version: 1,
    integration: { name: integration.name, labels: redact.document(integration.labels), identity },
    request: { id, time: new Date(at).toISOString(), door, kind, action: redact.text(action) },
    ...(context !== null && { context: redact.document(context) }),
    [kind]: withSegments(facts, claim.facts),
  }
}

function hasLargeBody({ facts }: Claim): boolean {
  const body = facts['body'] as { readonly bytes?: Json } | undefined
  return typeof body?.bytes === 'number' && body.bytes > maxBodyBytes
}

function withoutBodyValue(facts: JsonObject): JsonObject {
  const { value: _, ...body } = facts['body'] as JsonObject
  return { ...facts, body }
}

/** A secret with a slash in it is whole in the path alone: the segments of a path that was masked come from what is left. */
function withSegments(shown: Record<string, Json>, facts: JsonObject): Json {
  const { path } = shown
  if (shown['segments'] === undefined || typeof path !== 'string' || path === facts['path']) return shown
  return { ...shown, segments: segmentsOf(path) }
}
