/** What is open now (tunnels, interceptions, WebSockets), and is judged again when the policy changes. */
import type { AccessRequest, Claim, Decision, Live, Takeover } from '../core/index.ts'

export interface LiveStation extends Live {
  /** Cuts what `decide` no longer allows; gives how many that were. */
  judgeAgain(decide: (request: AccessRequest, claim: Claim) => Decision): number
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
    judgeAgain(decide) {
      let cut = 0
      for (const one of [...open]) {
        const decision = decide(one.request, one.claim)
        if (decision.allow) continue
        cut += 1
        onCut(one.request, decision)
        one.cut()
      }
      return cut
    },
    count: () => open.size,
  }
}
