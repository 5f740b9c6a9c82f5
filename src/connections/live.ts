/** What is open now (tunnels, interceptions, WebSockets), and is judged again when the policy changes. */
import {
  type AccessRequest,
  BrokenOff,
  type Claim,
  type Decision,
  denial,
  type Hangup,
  type Identified,
  type Live,
  type Needs,
  type Policy,
  type Takeover,
} from '../core/index.ts'

export interface LiveStation extends Live {
  /** Cuts what the policy no longer allows: before this returns, but where its rules ask outside first. */
  judgeAgain(): void
}

export interface LiveOptions {
  /** Hears of each connection that a new policy ended, before its end is recorded. */
  readonly onCut: (request: AccessRequest, decision: Decision) => void
  readonly policy: () => Policy
  /** A claim holds what the policy of its time could look at: another policy may look at more. Throws what refuses it. */
  readonly claim: (request: AccessRequest, needs: Needs) => Claim
  /** Of the active policy. */
  readonly revision: () => string | null
  /** Whether it is of a policy that still decides: the active one, or its candidate. */
  readonly isCurrent: (revision: string) => boolean
}

interface Open {
  readonly request: AccessRequest
  readonly prove: () => Identified | null
  cut(): void
}

/** Whose request it was may have ended its half: what is open is there until it closes. */
const present: Hangup = { gone: false, onGone: () => () => {} }

export function createLive({ onCut, policy, claim, revision, isCurrent }: LiveOptions): LiveStation {
  const open = new Set<Open>()

  function judge(one: Open): void {
    const { needs, decide, consult, activations } = policy()
    const who = proven(one)
    if (who === null) {
      apply(one, denial('identity/revoked', 'what the caller came with no longer proves who it is', revision() ?? ''))
      return
    }
    const request = { ...one.request, integration: who.integration, identity: who.identity, hangup: present }
    const anew = claimed(request, needs)
    if (anew === null) apply(one, unreadable())
    else if (consult === null) apply(one, decide(request, anew) ?? unreadable())
    else {
      const asked = activations()
      // An answer to a policy that is gone cuts nothing: whoever took its place has judged again.
      void consult(request, anew, gone)
        .catch(unreadable)
        .then((decision) => asked === activations() && apply(one, decision))
    }
  }

  const unreadable = () => denial('engine/error', 'what the policy looks at now cannot be read', revision() ?? '')
  /** What is open has no body, and one that it had went by. */
  const gone = () => Promise.reject(new Error('there is no body any more'))

  function claimed(request: AccessRequest, needs: Needs): Claim | null {
    try {
      return claim(request, needs)
    } catch {
      return null
    }
  }

  /** `null` where the caller is nobody any more, or another: its lease and its records are the first one's. */
  function proven({ request, prove }: Open): Identified | null {
    try {
      const who = prove()
      return who?.integration.name === request.integration.name && who.suspended === undefined ? who : null
    } catch {
      return null
    }
  }

  function apply(one: Open, decision: Decision): void {
    // Once: its end takes a turn, and it may be judged again before.
    if (decision.allow || !open.delete(one)) return
    try {
      onCut(one.request, decision)
    } finally {
      one.cut()
    }
  }

  return {
    watch(request, decided, reply, prove): Takeover {
      return {
        status: reply.status,
        headers: reply.headers,
        discard: () => reply.discard(),
        takeover(socket, head, meter) {
          let isCut = false
          const cut = () => {
            isCut = true
            socket.destroy()
          }
          const one: Open = { request, prove, cut }
          open.add(one)
          // The policy may have changed since it was decided: while its origin was dialled, while its record went to disk.
          // A revision says nothing of tokens.
          if (!isCurrent(decided.revision) || proven(one) === null) judge(one)
          return reply
            .takeover(socket, head, meter)
            .catch((error) => {
              throw isCut ? new BrokenOff('policy-denied', 'it is no longer allowed') : error
            })
            .finally(() => open.delete(one))
        },
      }
    },
    judgeAgain: () => open.forEach(judge),
  }
}
