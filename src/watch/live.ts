/** What is open now (tunnels, interceptions, WebSockets), and is judged again when the policy changes. */
import type { AccessRequest, Claim, Decision, Live, Policy, Takeover } from '../core/index.ts'

export interface LiveStation extends Live {
  /** Cuts what the policy no longer allows: before this returns, but where its rules ask outside first. */
  judgeAgain(): void
  count(): number
}

export interface LiveOptions {
  /** Hears of each connection that a new policy ended, before its end is recorded. */
  readonly onCut: (request: AccessRequest, decision: Decision) => void
  readonly policy: () => Policy
  /** Of the active policy. */
  readonly revision: () => string | null
}

interface Open {
  readonly request: AccessRequest
  readonly claim: Claim
  cut(): void
}

export function createLive({ onCut, policy, revision }: LiveOptions): LiveStation {
  const open = new Set<Open>()

  function judge(one: Open): void {
    const { decide, consult } = policy()
    if (consult === null) apply(one, decide(one.request, one.claim))
    else void consult(one.request, one.claim).then((decision) => apply(one, decision))
  }

  function apply(one: Open, decision: Decision): void {
    if (decision.allow || !open.has(one)) return
    onCut(one.request, decision)
    one.cut()
  }

  return {
    watch(request, claim, decided, reply): Takeover {
      return {
        status: reply.status,
        headers: reply.headers,
        discard: () => reply.discard(),
        takeover(socket, head, meter) {
          const one: Open = { request, claim, cut: () => void socket.destroy() }
          open.add(one)
          // The policy may have changed since it was decided: while its origin was dialled, while its record went to disk.
          if (decided.revision !== revision()) judge(one)
          return reply.takeover(socket, head, meter).finally(() => open.delete(one))
        },
      }
    },
    judgeAgain: () => open.forEach(judge),
    count: () => open.size,
  }
}
