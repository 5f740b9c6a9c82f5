/** Circuit breakers: one per integration and origin, so that failures of one integration's requests never stop another's. */
import {
  type BreakerReport,
  type Integration,
  isTakeover,
  type Opening,
  type Outcome,
  type ProblemCode,
  Refusal,
  type Reply,
  shareOf,
  type Takeover,
} from '../core/index.ts'
import { createFairCache } from '../shares/index.ts'
import { Breaker, type Pass, type Result } from './breaker.ts'

type Effect = () => Promise<Reply> | Reply

export interface Breakers {
  /** Throws `Refusal('breaker-open')`, or what the effect throws. `attempt` keeps what `settled` needs. */
  run(attempt: Attempt, integration: Integration, origin: string, effect: Effect): Promise<Reply> | Reply
  /** Reports how the reply ended whose head `run` has counted. */
  settled(attempt: Attempt, outcome: Outcome): void
  report(integration: string): readonly BreakerReport[]
  /** After a change of settings: that integration's breakers start again. */
  forget(integration: string): void
}

/** One request that came to a breaker; `breaker` and `pass` are `null` where it did not pass, or got no answer. */
export interface Attempt {
  breaker: Breaker | null
  pass: Pass | null
  breakerState: BreakerReport['state'] | null
}

/** Of all integrations together. One that asks many origins loses breakers of its own, not another's open one. */
const maxBreakers = 1000
/** A caller that leaves after waiting so long in vain counts against the destination; one that leaves earlier does not. */
const patientMs = 1000

/** `now`: milliseconds, monotonic. `onChange` is called at every change of state. */
export function createBreakers(now: () => number, onChange: (integration: string, report: BreakerReport) => void): Breakers {
  const breakers = createFairCache<Breaker>(maxBreakers)

  function breakerOf(integration: Integration, origin: string): Breaker {
    const share = shareOf(integration)
    let found = breakers.get(share, origin)
    if (found === undefined) {
      const { name, breaker } = integration
      found = new Breaker(breaker, (state) => onChange(name, { origin, state }))
      breakers.set(share, origin, found)
    }
    return found
  }

  return {
    run(attempt, integration, origin, effect) {
      const breaker = breakerOf(integration, origin)
      const begunAt = now()
      attempt.breakerState = breaker.state(begunAt)
      const pass = breaker.enter(begunAt)
      if (typeof pass === 'number') throw restOf(origin, pass)
      const answered = (reply: Reply): Reply => {
        if (isTakeover(reply) && reply.asksLater === true)
          return reported(reply, (error) => breaker.leave(pass, error === null ? 'answered' : resultOf(error, now() - begunAt), now()))
        // The head of a failing reply is the origin's answer, and is passed on like any other.
        const isFailure = !isTakeover(reply) && reply.status >= 500
        breaker.leave(pass, isFailure ? 'failed' : 'answered', now())
        if (!isFailure) {
          attempt.breaker = breaker
          attempt.pass = pass
        }
        return reply
      }
      const failed = (error: unknown): never => {
        breaker.leave(pass, resultOf(error, now() - begunAt), now())
        throw error
      }
      let reply: Promise<Reply> | Reply
      try {
        reply = effect()
      } catch (error) {
        return failed(error)
      }
      return reply instanceof Promise ? reply.then(answered, failed) : answered(reply)
    },
    settled({ breaker, pass }, { problem, isTakeover }) {
      // The ends of tunnels and WebSockets may reset them at any time; that one was opened shows that the origin works.
      if (!isTakeover && breaker !== null && pass !== null && problem !== null && breakingOff.has(problem)) breaker.brokeOff(pass, now())
    },
    report: (integration) => Array.from(breakers.of(integration), ([origin, breaker]) => ({ origin, state: breaker.state(now()) })),
    forget: breakers.forget,
  }
}

/** `tell` is called once with how its destination was reached: with `null` as it opens or declines, with what kept it from that, or where nothing was asked. */
function reported(reply: Takeover, tell: (error: unknown) => void): Takeover {
  const { status, headers } = reply
  let isTold = false
  const once = (error: unknown) => {
    if (!isTold) tell(error)
    isTold = true
  }
  return {
    ...{ status, headers },
    takeover(socket, head, meter, opening) {
      const told: Opening = {
        accept(agreed) {
          once(null)
          opening.accept(agreed)
        },
        refuse: (answer) => opening.refuse(answer),
        decline(answer) {
          once(answer.status >= 500 ? new Refusal('origin-failed', `it answered ${answer.status}`) : null)
          opening.decline(answer)
        },
      }
      return reply.takeover(socket, head, meter, told).catch((error: unknown) => {
        once(error)
        throw error
      })
    },
    discard() {
      tell(undefined)
      reply.discard()
    },
  }
}

const breakingOff: ReadonlySet<ProblemCode> = new Set(['origin-failed', 'origin-timeout', 'origin-idle-timeout'])

/** Problems of the caller, of the gateway's rules and limits, and bugs: they say nothing about the destination. */
function resultOf(error: unknown, waitedMs: number): Result {
  if (!(error instanceof Refusal)) return 'neutral'
  if (error.originWorks) return 'answered'
  if (error.code === 'client-closed') return waitedMs >= patientMs ? 'abandoned' : 'neutral'
  return error.code.startsWith('origin-') || error.code === 'total-timeout' ? 'failed' : 'neutral'
}

function restOf(origin: string, waitMs: number): Refusal {
  return Refusal.retryLater('breaker-open', `${origin} failed too often and is given a rest`, waitMs, { origin })
}
