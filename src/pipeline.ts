/** The one path. Whatever door a request comes through, it takes this and no other; the order is the security property. */
import {
  type Arrival,
  type Identified,
  isTakeover,
  type Lease,
  type Meter,
  Permit,
  type ProblemCode,
  Refusal,
  type Reply,
  type Stations,
  toProblem,
  toRefusal,
} from './core/index.ts'

/** What a door gets: a reply whose record is durable, and the duty to call `settle` once. */
export interface Settling {
  readonly reply: Reply
  readonly meter: Meter
  /** At the last byte, or when either end broke off. `receivedBytes`: the body bytes that went to the caller. Never throws. */
  settle(end: { complete: boolean; status?: number; receivedBytes?: number }): void
}

export type Handle = (arrival: Arrival) => Promise<Settling>

export function createPipeline({ policy, limits, findResource, redactor, journal, usage, onBug, now }: Stations): Handle {
  return async function handle(arrival) {
    const startedAt = now()
    const entry = journal.open(arrival) // recorded from the first moment, malformed ones too
    let who: Identified | null = null
    let lease: Lease | null = null
    let origin: string | null = null
    let decided = false

    try {
      who = arrival.identify()
      if (!limits.arrive(who?.integration ?? null, arrival.peer)) throw flooded() // a flood costs no decision and no disk
      if (who === null) throw unidentified()
      const needs = policy.needs
      const pending = arrival.read(who, needs) // parse, canonicalise; buffer a body only if the policy can look at it
      const request = pending instanceof Promise ? await pending : pending
      const claim = findResource(request.kind).claim(request, needs) // what would be touched, said without touching it
      origin = claim.origin
      const decision = policy.decide(request, claim) // pure, synchronous, in process
      entry.decided(request, claim, decision) // on its way to disk; a reply waits for it
      decided = true
      const permit = Permit.from(request, decision) // the only way to make one; throws on a denial
      const body = 'body' in request ? request.body : null
      lease = limits.admit(permit, body?.declaredBytes ?? 0) // buckets and concurrency: all or nothing
      if (journal.strict) await (entry.durable() ?? undefined)
      const raw = await lease.run(origin, () => claim.perform(permit)) // through the breaker; the effect
      const reply = redactor.reply(permit, raw)
      try {
        await (entry.durable() ?? undefined)
      } catch (error) {
        release(raw)
        throw error
      }
      return settling(reply, null, () => body?.passedBytes ?? 0)
    } catch (error) {
      const refusal = toRefusal(error)
      if (refusal.code === 'internal') onBug(refusal.cause, arrival.id)
      if (!decided) entry[refusal.code === 'arrivals-exceeded' ? 'summed' : 'refused'](refusal, who)
      return refuse(refusal)
    }

    /** A denial waits for its record like any reply; where the record cannot be kept, 503 is all that leaves. */
    async function refuse(refusal: Refusal): Promise<Settling> {
      let told = refusal
      try {
        await (entry.durable() ?? undefined)
      } catch (error) {
        told = toRefusal(error)
      }
      return settling(toProblem(told, arrival.id), told.code, () => 0)
    }

    function settling(reply: Reply, problem: ProblemCode | null, passedBytes: () => number): Settling {
      const held = lease
      let sent = 0
      let received = 0
      let settled = false
      const meter: Meter = {
        sent(bytes) {
          sent += bytes
          held?.sent(bytes)
        },
        received(bytes) {
          received += bytes
          held?.received(bytes)
        },
      }
      return {
        reply,
        meter,
        settle({ complete, status = reply.status, receivedBytes = 0 }) {
          if (settled) return
          settled = true
          const passed = passedBytes()
          if (passed > 0) meter.sent(passed)
          if (receivedBytes > 0 && problem === null) meter.received(receivedBytes)
          const outcome = { status, problem, sentBytes: sent, receivedBytes: received, durationMs: now() - startedAt, complete }
          held?.settle(outcome)
          entry.settled(outcome)
          usage.settled(who?.integration ?? null, origin, outcome)
        },
      }
    }
  }
}

function flooded(): Refusal {
  return Refusal.retryLater('arrivals-exceeded', 'more requests arrive than this caller’s arrivals bucket holds', 1000)
}

/** RFC 9110 §11.7.1: a 407 carries Proxy-Authenticate. */
function unidentified(): Refusal {
  const detail =
    'send the proxy token as Proxy-Authorization (Basic <integration>:<token>, or Bearer <token>), or use the integration’s own listener'
  return new Refusal('unidentified', detail, {
    headers: ['proxy-authenticate', 'Basic realm="sallyport", charset="UTF-8"', 'proxy-authenticate', 'Bearer realm="sallyport"'],
  })
}

/** What the effect opened and nobody will read. */
function release(reply: Reply): void {
  if (isTakeover(reply)) reply.discard()
  else if (typeof reply.body === 'function') void reply.body({ write: () => false }).catch(() => {})
}
