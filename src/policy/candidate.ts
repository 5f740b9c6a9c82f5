/** A candidate policy beside the active one: first only compared, then enforced for a share of the requests. */
import type { AccessRequest, Claim, Consult, Decision, Policy } from '../core/index.ts'
import { heldBytes } from './held-bytes.ts'

export interface Difference {
  readonly request: AccessRequest
  readonly claim: Claim
  readonly active: Decision
  readonly candidate: Decision
  /** The candidate's answer was the one that counted. */
  readonly enforced: boolean
}

export interface CandidateOptions {
  readonly active: Policy
  /** Its evaluations are bounded on their own, and tighter. */
  readonly candidate: Policy
  /** The candidate has been activated; until then it is not asked. */
  readonly isReady: () => boolean
  /** 0 to 100: the share of requests that the candidate decides. */
  readonly enforcePercent: number
  readonly onDifference: (difference: Difference) => void
  /** A comparison was left out: too many were waiting, or the candidate looks at a body that was not read. */
  readonly onSkipped: () => void
}

/** More wait only where requests come faster than two policies can be asked. */
const maxWaiting = 1000
/** Of the bodies and heads that they hold. */
const maxWaitingBytes = 32 * 1024 * 1024
/** How long comparisons may keep a turn of the event loop. */
const turnMs = 2

/**
 * The active policy decides. The candidate is asked in a later turn of the event loop, so that its time is nobody's wait;
 * a failure of it is a difference like any other. Of the stated share the candidate decides itself, and where it fails
 * (`engine/…`) the active one does.
 */
export function createStagedPolicy(options: CandidateOptions): Policy {
  const { active, candidate, isReady, enforcePercent, onDifference, onSkipped } = options
  const waiting: { request: AccessRequest; claim: Claim; decision: Decision }[] = []
  let waitingBytes = 0
  let scheduled = false

  function compare(request: AccessRequest, claim: Claim, decision: Decision, other: Decision, enforced: boolean): void {
    if (!alike(decision, other)) onDifference({ request, claim, active: decision, candidate: other, enforced })
  }

  function work(): void {
    scheduled = false
    const until = performance.now() + turnMs
    while (waiting.length > 0 && performance.now() < until) {
      const next = waiting.shift()
      if (next === undefined) continue
      waitingBytes -= heldBytes(next.request, next.claim)
      if (!isReady()) continue
      const other = candidate.decide(next.request, next.claim)
      // Its body went by unread: the candidate makes no request wait that it does not decide.
      if (other === null) onSkipped()
      else compare(next.request, next.claim, next.decision, other, false)
    }
    schedule()
  }

  function schedule(): void {
    if (scheduled || waiting.length === 0) return
    scheduled = true
    setImmediate(work)
  }

  return {
    get needs() {
      if (!isReady()) return active.needs
      const [a, b] = [active.needs, candidate.needs]
      return { headers: a.headers || b.headers, body: a.body || b.body, context: a.context || b.context }
    },
    activations: () => active.activations() + candidate.activations(),
    decide(request, claim) {
      const decision = active.decide(request, claim)
      return decision === null ? null : staged(request, claim, decision)
    },
    get consult() {
      const { consult } = active
      return consult === null ? null : stagedConsult(consult)
    },
  }

  function stagedConsult(consult: Consult): Consult {
    return async (request, claim, readBody) => {
      let latest = claim
      const read = async () => {
        latest = await readBody()
        return latest
      }
      const decision = await consult(request, claim, read)
      return staged(request, latest, decision) ?? staged(request, await read(), decision) ?? decision
    }
  }

  /**
   * A candidate asks nothing outside: its evaluation fails where it would. `null`: it is the candidate's to decide, and it
   * looks at the body, which was not read.
   */
  function staged(request: AccessRequest, claim: Claim, decision: Decision): Decision | null {
    if (!isReady()) return decision
    if (isStaged(request.integration.name, request.id, enforcePercent)) {
      const other = candidate.decide(request, claim)
      if (other === null) return null
      const failed = other.rule.startsWith('engine/')
      compare(request, claim, decision, other, !failed)
      return failed ? decision : other
    }
    const bytes = heldBytes(request, claim)
    if (waiting.length >= maxWaiting || waitingBytes + bytes > maxWaitingBytes) onSkipped()
    else {
      waiting.push({ request, claim, decision })
      waitingBytes += bytes
    }
    schedule()
    return decision
  }
}

function alike(a: Decision, b: Decision): boolean {
  return a.allow === b.allow && (!a.allow || JSON.stringify(a.obligations) === JSON.stringify(b.obligations))
}

/** The same request always falls on the same side (FNV-1a, 32 bits). */
export function isStaged(integration: string, id: string, percent: number): boolean {
  if (percent <= 0) return false
  let hash = 0x811c9dc5
  const text = `${integration}\0${id}`
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  // The low bits of FNV differ little between neighbouring ids: fold the high ones in.
  return ((hash ^ (hash >>> 16)) >>> 0) % 10_000 < percent * 100
}
