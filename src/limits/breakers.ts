/** Circuit breakers: opossum, one an integration and origin, so that one integration's failures never close another's way. */
import CircuitBreaker from 'opossum'
import { type BreakerReport, type BreakerSettings, type Integration, isTakeover, Refusal, type Reply, shareOf } from '../core/index.ts'
import { createFairCache } from '../shares/index.ts'

type Effect = () => Promise<Reply> | Reply

export interface Breakers {
  /** Throws `Refusal('breaker-open')`, or what the effect throws. */
  run(integration: Integration, origin: string, effect: Effect): Promise<Reply>
  report(integration: string): readonly BreakerReport[]
  /** Settings changed: that integration's breakers begin anew. */
  forget(integration: string): void
  close(): void
}

type ReplyBreaker = CircuitBreaker<[Effect], Reply>

interface Guard {
  readonly integration: string
  readonly origin: string
  readonly breaker: ReplyBreaker
  readonly resetMs: number
  openedAtMs: number
}

const buckets = 10
/** Of all integrations: one that asks many origins loses its own, not another's that is open. */
const maxBreakers = 1000

/** `onChange` hears of every opening and closing. */
export function createBreakers(now: () => number, onChange: (integration: string, report: BreakerReport) => void): Breakers {
  const guards = createFairCache<Guard>(maxBreakers, (guard) => guard.breaker.shutdown())

  function open(integration: Integration, origin: string): Guard {
    const breaker: ReplyBreaker = new CircuitBreaker(judge, settingsOf(integration.breaker))
    const guard: Guard = { integration: integration.name, origin, breaker, resetMs: integration.breaker.resetMs, openedAtMs: 0 }
    breaker.on('open', () => {
      guard.openedAtMs = now()
      onChange(guard.integration, { origin, state: 'open' })
    })
    breaker.on('halfOpen', () => onChange(guard.integration, { origin, state: 'half-open' }))
    breaker.on('close', () => onChange(guard.integration, { origin, state: 'closed' }))
    return guard
  }

  return {
    run(integration, origin, effect) {
      let guard = guards.get(shareOf(integration), origin)
      if (guard === undefined) {
        guard = open(integration, origin)
        guards.set(shareOf(integration), origin, guard)
      }
      const { breaker } = guard
      return breaker.fire(effect).catch((error: Error) => {
        // The head of a failing reply is the origin's answer, and is passed on like any other.
        if (error instanceof FailingReply) return error.reply
        if (CircuitBreaker.isOurError(error)) throw refuse(guard, now())
        throw error
      })
    },
    report: (integration) => Array.from(guards.of(integration), ([origin, { breaker }]) => ({ origin, state: stateOf(breaker) })),
    forget: guards.forget,
    close: guards.clear,
  }
}

/** A reply that counts as a failure of the origin. No stack: it is thrown for opossum to count, and caught above. */
class FailingReply {
  readonly reply: Reply
  constructor(reply: Reply) {
    this.reply = reply
  }
}

/** The breaker judges the head: 5xx is the origin's failure, a refusal for what the caller did is not. */
function judge(effect: Effect): Promise<Reply> {
  const reply = effect()
  return reply instanceof Promise ? reply.then(throwFailing) : Promise.resolve(throwFailing(reply))
}

function throwFailing(reply: Reply): Reply {
  if (!isTakeover(reply) && reply.status >= 500) throw new FailingReply(reply)
  return reply
}

const callersFault: ReadonlySet<string> = new Set([
  'client-closed',
  'payload-too-large',
  'malformed-request',
  'address-denied',
  'not-found',
  'conflict',
  'precondition-failed',
  'policy-denied',
  'method-not-allowed',
  'reply-too-large',
])

function settingsOf({ errorThresholdPercent, minimumRequests, windowMs, resetMs }: BreakerSettings): CircuitBreaker.Options {
  return {
    // The effect has timeouts of its own, and a timer a request is what they avoid.
    timeout: false,
    // opossum opens above it: at 100 it never would.
    errorThresholdPercentage: Math.min(errorThresholdPercent, 99.9),
    volumeThreshold: minimumRequests,
    resetTimeout: resetMs,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: buckets,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: (error: unknown) => error instanceof Refusal && callersFault.has(error.code),
  }
}

function refuse(guard: Guard, nowMs: number): Refusal {
  const waitMs = guard.breaker.halfOpen ? 1000 : guard.openedAtMs + guard.resetMs - nowMs
  return Refusal.retryLater('breaker-open', `${guard.origin} failed too often and is given a rest`, Math.max(0, waitMs), {
    origin: guard.origin,
  })
}

function stateOf(breaker: ReplyBreaker): BreakerReport['state'] {
  if (breaker.halfOpen) return 'half-open'
  return breaker.opened ? 'open' : 'closed'
}
