/** What is open now (tunnels, interceptions, WebSockets), and is judged again when the policy changes. */
import type { AccessRequest, Claim, Decision, Live, Takeover } from '../core/index.ts'

export interface LiveStation extends Live {
  /** Cuts what the policy no longer allows; gives how many that were. */
  judgeAgain(): number
  count(): number
}

export interface LiveOptions {
  /** Hears of each connection that a new policy ended, before its end is recorded. */
  readonly onCut: (request: AccessRequest, decision: Decision) => void
  readonly decide: (request: AccessRequest, claim: Claim) => Decision
  /** Of the active policy. */
  readonly revision: () => string | null
}

interface Open {
  readonly request: AccessRequest
  readonly claim: Claim
  cut(): void
}

export function createLive({ onCut, decide, revision }: LiveOptions): LiveStation {
  const open = new Set<Open>()

  function stays({ request, claim, cut }: Open): boolean {
    const decision = decide(request, claim)
    if (decision.allow) return true
    onCut(request, decision)
    cut()
    return false
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
          if (decided.revision !== revision()) stays(one)
          return reply.takeover(socket, head, meter).finally(() => open.delete(one))
        },
      }
    },
    judgeAgain: () => [...open].filter((one) => !stays(one)).length,
    count: () => open.size,
  }
}
