/** What is open now (tunnels, interceptions, WebSockets), and is judged again when the policy changes. */
import type { AccessRequest, Claim, Decision, Live, Policy, Takeover } from '../core/index.ts'

export interface LiveStation extends Live {
  /** Cuts what the policy no longer allows: before this returns, but where its rules ask outside first. */
  judgeAgain(policy: Pick<Policy, 'decide' | 'consult'>): void
  count(): number
}

interface Open {
  readonly request: AccessRequest
  readonly claim: Claim
  cut(): void
}

/** `onCut` hears of each connection that a new policy ended, before its end is recorded. */
export function createLive(onCut: (request: AccessRequest, decision: Decision) => void): LiveStation {
  const open = new Set<Open>()

  function apply(one: Open, decision: Decision): void {
    if (decision.allow || !open.has(one)) return
    onCut(one.request, decision)
    one.cut()
  }

  return {
    watch(request, claim, reply): Takeover {
      return {
        status: reply.status,
        headers: reply.headers,
        discard: () => reply.discard(),
        takeover(socket, head, meter) {
          const one: Open = { request, claim, cut: () => void socket.destroy() }
          open.add(one)
          return reply.takeover(socket, head, meter).finally(() => open.delete(one))
        },
      }
    },
    judgeAgain({ decide, consult }) {
      for (const one of [...open]) {
        if (consult === null) apply(one, decide(one.request, one.claim))
        else void consult(one.request, one.claim).then((decision) => apply(one, decision))
      }
    },
    count: () => open.size,
  }
}
