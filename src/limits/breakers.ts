/** Circuit breakers: one per integration and origin, so that one integration's failures never close another's way. */
import {
  type BreakerReport,
  type Integration,
  isTakeover,
  type Outcome,
  type ProblemCode,
  Refusal,
  type Reply,
  shareOf,
} from '../core/index.ts'
import { createFairCache } from '../shares/index.ts'
import { Breaker, type Pass, type Verdict } from './breaker.ts'

type Effect = () => Promise<Reply> | Reply

export interface Breakers {
  /** Throws `Refusal('breaker-open')`, or what the effect throws. `attempt` is told what `settled` needs. */
  run(attempt: Attempt, integration: Integration, origin: string, effect: Effect): Promise<Reply> | Reply
  /** How the reply ended whose head `run` has judged. */
  settled(attempt: Attempt, outcome: Outcome): void
  report(integration: string): readonly BreakerReport[]
  /** Settings changed: that integration's breakers begin anew. */
  forget(integration: string): void
}

/** One request on its way through a breaker; empty where it went through none, or its head was no answer. */
export interface Attempt {
  breaker: Breaker | null
  pass: Pass | null
}

/** Of all integrations: one that asks many origins loses its own, not another's that is open. */
const maxBreakers = 1000
/** A caller that waited for so long in vain, and left, says something of the destination; a hasty one does not. */
const patientMs = 1000

/** `now`: milliseconds, monotonic. `onChange` hears of every opening and closing. */
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
      const pass = breaker.enter(begunAt)
      if (typeof pass === 'number') throw restOf(origin, pass)
      const answered = (reply: Reply): Reply => {
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
        breaker.leave(pass, verdictOf(error, now() - begunAt), now())
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
      // Ends of tunnels and WebSockets reset them as they please; that it opened is what says that the origin is well.
      if (!isTakeover && breaker !== null && pass !== null && problem !== null && breakingOff.has(problem)) breaker.brokeOff(pass, now())
    },
    report: (integration) => Array.from(breakers.of(integration), ([origin, breaker]) => ({ origin, state: breaker.state(now()) })),
    forget: breakers.forget,
  }
}

const breakingOff: ReadonlySet<ProblemCode> = new Set(['origin-failed', 'origin-timeout'])

/** What the caller did, what the gateway forbids or lacks, and its bugs: the destination may be well. */
function verdictOf(error: unknown, waitedMs: number): Verdict {
  if (!(error instanceof Refusal)) return 'neutral'
  if (error.code === 'client-closed') return waitedMs >= patientMs ? 'abandoned' : 'neutral'
  return error.code.startsWith('origin-') ? 'failed' : 'neutral'
}

function restOf(origin: string, waitMs: number): Refusal {
  return Refusal.retryLater('breaker-open', `${origin} failed too often and is given a rest`, waitMs, { origin })
}
