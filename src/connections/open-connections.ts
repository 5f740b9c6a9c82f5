/** What is open now (tunnels, interceptions, WebSockets), and is evaluated again when the policy changes. */
import type { Duplex } from 'node:stream'
import {
  type AccessRequest,
  type BrokenOff,
  type Claim,
  type Decision,
  denial,
  endConnection,
  type Hangup,
  type Identified,
  isStopped,
  type Needs,
  noLongerAllowed,
  type OpenConnections,
  type Policy,
  type Takeover,
  tellEnding,
} from '../core/index.ts'

export interface OpenConnectionsStation extends OpenConnections {
  /** Cuts what the policy no longer allows: before this returns, but where its rules make external calls first. */
  reevaluate(): void
  /** Each tells both of its ends why, and ends. */
  closeWebSockets(why: BrokenOff): void
}

export interface OpenConnectionsOptions {
  /** Called for each connection that a new policy ends, before its end is recorded. */
  readonly onCut: (request: AccessRequest, decision: Decision) => void
  readonly policy: Policy
  /** A claim holds what the policy of its time could look at: another policy may look at more. Throws what refuses it. */
  readonly claim: (request: AccessRequest, needs: Needs) => Claim
  /** Of the active policy. */
  readonly revision: () => string | null
  /** Whether it is of a policy that still decides: the active one, or its shadow. */
  readonly isCurrent: (revision: string) => boolean
}

interface Open {
  readonly request: AccessRequest
  readonly socket: Duplex
  readonly reauthenticate: () => Identified | null
  cut(): void
}

/** The caller may have ended its half: what is open is there until it closes. */
const present: Hangup = { gone: false, onGone: () => () => {} }

export function createOpenConnections({ onCut, policy, claim, revision, isCurrent }: OpenConnectionsOptions): OpenConnectionsStation {
  const open = new Set<Open>()

  function evaluate(connection: Open): void {
    const { needs, decide, decideAsync, activations } = policy
    const who = reauthenticated(connection)
    if (who === null) {
      apply(connection, denial('identity/revoked', 'what the caller came with no longer proves who it is', revision() ?? ''))
      return
    }
    const request = { ...connection.request, integration: who.integration, identity: who.identity, hangup: present }
    const claimNow = claimed(request, needs)
    if (claimNow === null) apply(connection, unreadable())
    else if (decideAsync === null) apply(connection, decide(request, claimNow) ?? unreadable())
    else {
      const asked = activations()
      // An answer from a policy that is no longer active cuts nothing: its successor has evaluated this connection again.
      void decideAsync(request, claimNow, gone)
        .catch(unreadable)
        .then((decision) => asked === activations() && apply(connection, decision))
    }
  }

  const unreadable = () => denial('engine/error', 'what the policy looks at now cannot be read', revision() ?? '')
  /** What is open has no body any more: it was sent on. */
  const gone = () => Promise.reject(new Error('there is no body any more'))

  function claimed(request: AccessRequest, needs: Needs): Claim | null {
    try {
      return claim(request, needs)
    } catch {
      return null
    }
  }

  /** `null` where the caller's credentials no longer hold, or are another integration's: the lease and the records are the first one's. */
  function reauthenticated({ request, reauthenticate }: Open): Identified | null {
    try {
      const who = reauthenticate()
      return who?.integration.name === request.integration.name && !isStopped(who.contained) ? who : null
    } catch {
      return null
    }
  }

  function apply(connection: Open, decision: Decision): void {
    // Once: its end takes a turn of the event loop, and it may be evaluated again before.
    if (decision.allow || !open.delete(connection)) return
    try {
      onCut(connection.request, decision)
    } finally {
      connection.cut()
    }
  }

  return {
    watch(request, decided, reply, reauthenticate): Takeover {
      return {
        status: reply.status,
        headers: reply.headers,
        discard: () => reply.discard(),
        takeover(socket, head, meter, opening) {
          let isCut = false
          const cut = () => {
            isCut = true
            endConnection(socket, noLongerAllowed())
          }
          const connection: Open = { request, socket, reauthenticate, cut }
          open.add(connection)
          // The policy may have changed since it was decided: while its origin was dialled, while its record went to disk.
          // Tokens are not part of a revision.
          if (!isCurrent(decided.revision) || reauthenticated(connection) === null) evaluate(connection)
          return reply.takeover(socket, head, meter, opening).finally(() => {
            open.delete(connection)
            // Of a caller that has ended its half, the cut looks like the end of the other.
            if (isCut) throw noLongerAllowed()
          })
        },
      }
    },
    reevaluate: () => open.forEach(evaluate),
    closeWebSockets(why) {
      for (const { request, socket } of open) if (isWebSocket(request)) tellEnding(socket, why)
    },
  }
}

function isWebSocket({ target }: AccessRequest): boolean {
  return 'websocket' in target && target.websocket
}
