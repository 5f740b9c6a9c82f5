/** The one error that a station throws on purpose. Anything else that is thrown is a bug and becomes `internal`. */
import type { ContainmentState } from './containment.ts'
import { type Decision, isEngineFailure } from './decision.ts'
import type { JsonObject } from './json.ts'
import { type ProblemCode, problems, problemType } from './problems.ts'
import { proxyStatusOf } from './proxy-status.ts'
import type { Answer } from './reply.ts'
import type { AccessRequest, HeaderList } from './request.ts'

/** What to add to which manifest so that the default policy allows a request. */
export type Suggest = (request: AccessRequest) => JsonObject

interface RefusalOptions {
  /** Headers of the answer: Retry-After, Proxy-Authenticate, Allow. */
  readonly headers?: HeaderList
  /** Further members of the problem document; the caller sees them. */
  readonly members?: JsonObject
  /** For the operational log only. */
  readonly cause?: unknown
  /** What the operator needs and the caller must not learn, such as an internal address: for the operational log and the audit record. */
  readonly forOperator?: string
  /** As `Refusal.originWorks`; default false. */
  readonly originWorks?: boolean
}

export class Refusal extends Error {
  readonly code: ProblemCode
  readonly headers: HeaderList
  readonly members: JsonObject
  readonly forOperator: string | null
  /** The destination gave an answer that is no failure of its own: it does not count against it. */
  readonly originWorks: boolean

  /** The caller sees `detail`: it must name no secret, no path of the host and nothing of other integrations. */
  constructor(
    code: ProblemCode,
    detail: string,
    { headers = [], members = {}, cause, forOperator, originWorks = false }: RefusalOptions = {},
  ) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'Refusal'
    this.code = code
    this.headers = headers
    this.members = members
    this.forOperator = forOperator ?? null
    this.originWorks = originWorks
  }

  get status(): number {
    return problems[this.code].status
  }

  /** `suggest` says what to add to the manifest. */
  static denied(request: AccessRequest, decision: Decision, suggest: Suggest): Refusal {
    const { rule, reasons } = decision
    const code = isEngineFailure(decision) ? 'policy-failed' : 'policy-denied'
    const members: Record<string, JsonObject[string]> = { integration: request.integration.name, rule, reasons }
    // A capability does not undo an author's deny: only denials of the default policy say what to add.
    if (rule.startsWith('default/')) members['hint'] = suggest(request)
    return new Refusal(code, reasons.join('; ') || `denied by ${rule}`, { members })
  }

  /** 429 or 503 with Retry-After in whole seconds, at least 1 (RFC 9110 §10.2.3). `null`: waiting will not help. */
  static retryLater(code: ProblemCode, detail: string, retryAfterMs: number | null, members: JsonObject = {}): Refusal {
    const headers = retryAfterMs === null ? [] : ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]
    return new Refusal(code, detail, { headers, members })
  }
}

/** What was thrown, as a Refusal: anything else becomes `internal`, with the error as its cause for the log. */
export function toRefusal(error: unknown): Refusal {
  return error instanceof Refusal
    ? error
    : new Refusal('internal', 'an unexpected error; the operator’s log has it under this id', { cause: error })
}

export interface ProblemCaller {
  readonly selfUrl?: string | null | undefined
  readonly state?: ContainmentState | undefined
}

/**
 * A problem document (RFC 9457) as an Answer; `Sallyport-Problem` tells the gateway's errors from an origin's. `selfUrl`: as `Arrival.selfUrl`;
 * absolute, because a relative one would be resolved against the URL that was asked for, which may be an origin's.
 * `state`: what the caller's integration is held in.
 */
export function toProblem(refusal: Refusal, requestId: string, caller: ProblemCaller | null = null): Answer {
  const { selfUrl = null, state } = caller ?? {}
  const { status, title } = problems[refusal.code]
  const document = {
    type: problemType(refusal.code),
    title,
    status,
    detail: refusal.message,
    instance: `urn:sallyport:request:${requestId}`,
    code: refusal.code,
    ...(state !== undefined && { containment: state }),
    ...(selfUrl !== null && { self: selfUrl }),
    ...refusal.members,
  }
  return {
    status,
    reason: refusal.code,
    headers: [
      'content-type',
      'application/problem+json',
      'sallyport-problem',
      refusal.code,
      'proxy-status',
      proxyStatusOf(refusal.code),
      'cache-control',
      'no-store',
      ...refusal.headers,
    ],
    body: Buffer.from(`${JSON.stringify(document)}\n`),
  }
}

/** What ends the work for a caller that is gone (`Hangup.reason`). */
export function endOf({ reason }: { readonly reason?: Error }): Refusal {
  return reason instanceof Refusal ? reason : new Refusal('client-closed', 'the caller went away')
}
