/** A shadow policy beside the active one: first only compared, then enforced for a share of the requests. */
import { type AccessRequest, type Claim, type DecideAsync, type Decision, isEngineFailure, type Policy } from '../core/index.ts'
import { type DecideOnThread, queuedBytes } from '../policy/index.ts'
export interface Difference {
  readonly request: AccessRequest
  readonly claim: Claim
  readonly active: Decision
  readonly shadow: Decision
  /** The shadow policy's answer was the one that counted. */
  readonly enforced: boolean
}

export interface ShadowPolicyOptions {
  readonly active: Policy
  /** Its evaluations are bounded on their own, and tighter. */
  readonly shadow: Policy
  /** The shadow policy's decision where it is only compared, made where no request waits for it. */
  readonly decideApart: DecideOnThread
  /** The shadow policy has been activated; until then it is not asked. */
  readonly isReady: () => boolean
  /** 0 to 100: the share of requests that the shadow policy decides. */
  readonly enforcePercent: number
  readonly onDifference: (difference: Difference) => void
  /** A comparison was left out: too many were waiting, the shadow policy looks at a body that was not read, or another one took its place meanwhile. */
  readonly onSkipped: () => void
}

/** More wait only where requests come faster than two policies can be asked. */
const maxWaiting = 1000
/** Of the bodies and heads that they hold. */
const maxWaitingBytes = 32 * 1024 * 1024
/** How long the writing of inputs may keep a turn of the event loop. */
const turnMs = 2

/**
 * The active policy decides. The shadow policy is asked in a later turn of the event loop, and on a thread of its own, so that no
 * request waits for it; a failure of it is a difference like any other. Of the stated share the shadow policy decides itself, and where it fails
 * (`engine/…`) the active one does.
 */
export function createShadowPolicy(options: ShadowPolicyOptions): Policy {
  const { active, shadow, decideApart, isReady, enforcePercent, onDifference, onSkipped } = options
  const waiting: Waiting[] = []
  /** Those that wait for their turn, and those that wait for an answer. */
  let pending = 0
  let pendingBytes = 0
  let scheduled = false

  function compare(request: AccessRequest, claim: Claim, decision: Decision, other: Decision, enforced: boolean): void {
    if (!alike(request, decision, other)) onDifference({ request, claim, active: decision, shadow: other, enforced })
  }

  function work(): void {
    scheduled = false
    const until = performance.now() + turnMs
    while (waiting.length > 0 && performance.now() < until) {
      const next = waiting.shift()
      if (next !== undefined) void compareApart(next)
    }
    schedule()
  }

  /** Never rejects. */
  async function compareApart({ request, claim, decision, bytes }: Waiting): Promise<void> {
    const other = isReady() ? await decideApart(request, claim).catch(() => 'lost' as const) : 'lost'
    pending -= 1
    pendingBytes -= bytes
    // Its body was forwarded unread (no request waits for a shadow policy that does not decide it), or another set came into force meanwhile.
    if (other === null || other === 'lost' || !isReady()) onSkipped()
    else compare(request, claim, decision, other, false)
  }

  function schedule(): void {
    if (scheduled || waiting.length === 0) return
    scheduled = true
    setImmediate(work)
  }

  return {
    get needs() {
      if (!isReady()) return active.needs
      const [a, b] = [active.needs, shadow.needs]
      return { headers: a.headers || b.headers, body: a.body || b.body, context: a.context || b.context }
    },
    activations: () => active.activations() + shadow.activations(),
    decide(request, claim) {
      const decision = active.decide(request, claim)
      return decision === null ? null : decideWithShadow(request, claim, decision)
    },
    get decideAsync() {
      const { decideAsync } = active
      return decideAsync === null ? null : decideWithShadowAsync(decideAsync)
    },
  }

  function decideWithShadowAsync(decideAsync: DecideAsync): DecideAsync {
    return async (request, claim, readBody) => {
      let latest = claim
      const read = async () => {
        latest = await readBody()
        return latest
      }
      const decision = await decideAsync(request, claim, read)
      return decideWithShadow(request, latest, decision) ?? decideWithShadow(request, await read(), decision) ?? decision
    }
  }

  /**
   * A shadow policy makes no external call: its evaluation fails where it would. `null`: it is the shadow policy's to decide, and it
   * looks at the body, which was not read.
   */
  function decideWithShadow(request: AccessRequest, claim: Claim, decision: Decision): Decision | null {
    if (!isReady()) return decision
    if (isEnforced(request.integration.name, request.id, enforcePercent)) {
      const other = shadow.decide(request, claim)
      if (other === null) return null
      const failed = isEngineFailure(other)
      compare(request, claim, decision, other, !failed)
      return failed ? decision : other
    }
    const bytes = queuedBytes(request, claim)
    if (pending >= maxWaiting || pendingBytes + bytes > maxWaitingBytes) onSkipped()
    else {
      waiting.push({ request, claim, decision, bytes })
      pending += 1
      pendingBytes += bytes
    }
    schedule()
    return decision
  }
}

interface Waiting {
  readonly request: AccessRequest
  readonly claim: Claim
  readonly decision: Decision
  readonly bytes: number
}

/** The same would be done. What a capability says beyond its obligations binds requests for files alone. */
function alike({ kind }: AccessRequest, a: Decision, b: Decision): boolean {
  if (a.allow !== b.allow || !a.allow) return a.allow === b.allow
  return JSON.stringify(a.obligations) === JSON.stringify(b.obligations) && (kind !== 'file' || a.capability === b.capability)
}

/** The same request always falls on the same side (FNV-1a, 32 bits). */
export function isEnforced(integration: string, id: string, percent: number): boolean {
  if (percent <= 0) return false
  let hash = 0x811c9dc5
  const text = `${integration}\0${id}`
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  // The low bits of FNV differ little between neighbouring ids: fold the high ones in.
  return ((hash ^ (hash >>> 16)) >>> 0) % 10_000 < percent * 100
}
