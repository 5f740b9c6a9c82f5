/** How one arrival ends, whatever failed: it is refused in one record, its bytes are counted as they pass, and it is settled once. Nothing here throws. */
import {
  type AccessRequest,
  type Arrival,
  type BodyHold,
  contentTypeIn,
  type Entry,
  isTakeover,
  type Meter,
  type Outcome,
  Refusal,
  type Reply,
  type Stations,
  toProblem,
  toRefusal,
} from '../core/index.ts'
import { BodyHashes } from './body-hashes.ts'
import { PassingBytes, type SettlingEnd } from './passing-bytes.ts'

/** The caller had left. An origin's own 499 is a status like any other. */
const clientClosed = 499

/** The class of an arrival's path extends it, so that what outlives the decision (charging, settling) costs neither an object nor a closure per request. */
export class Settlement extends PassingBytes {
  place = -1
  /** Memory for the body, if the policy looked at it. */
  protected hold: BodyHold | null = null
  /** Once it is allowed. */
  protected request: AccessRequest | null = null
  /** The decision is recorded: a refusal from now on needs no record of its own. */
  protected decided = false
  /** A record for each arrival that ends while it waits for the disk would fill the queue that it waits for: they are counted. */
  protected waitsForDisk = false
  protected answer: Reply | null = null
  /** `null`: nobody asks for them. */
  protected readonly hashes: BodyHashes | null

  constructor(stations: Stations, arrival: Arrival) {
    super(stations, arrival)
    this.hashes = stations.auditLog.hashesBodies === true ? new BodyHashes() : null
    this.entry = this.#open() // recorded from the first moment, malformed ones too
    stations.exchanges.began(this)
  }

  /** A refusal waits for its record like any reply; if that cannot be kept, the answer is 503. Never rejects. */
  protected async refuse(refusal: Refusal): Promise<void> {
    this.enterLoop()
    if (refusal.code === 'internal') this.report(refusal.cause)
    this.#discardAnswer()
    let answered = this.#recordRefusal(refusal)
    // That nothing can be recorded is said at once.
    if (answered.code !== 'audit-unavailable') {
      this.recording()
      this.leaveLoop()
      try {
        await (this.entry?.durable() ?? undefined)
        this.recorded()
      } catch (error) {
        answered = toRefusal(error)
      }
    }
    this.#turnInto(answered)
  }

  get integration(): string | null {
    return this.who?.integration.name ?? null
  }

  get reply(): Reply {
    // The path resolves only once there is an answer.
    return this.answer as Reply
  }

  get refused(): boolean {
    return this.refusal !== null
  }

  get meter(): Meter {
    return this
  }

  leave(): void {
    this.lease?.leave()
  }

  fail(error: unknown): void {
    this.report(error)
    this.#discardAnswer()
    this.#turnInto(toRefusal(null))
  }

  settle(end: SettlingEnd): void {
    if (this.isSettled) return
    const { complete, forOperator = this.refusal?.forOperator ?? null, receivedBytes = 0 } = end
    const { status = this.answer?.status ?? 500 } = end
    const { problem: ended = this.refusal?.code ?? (end.status === clientClosed ? 'client-closed' : null) } = end
    const problem = complete || this.stopped === null ? ended : this.stopped.code
    this.isSettled = true
    this.stations.exchanges.ended(this)
    this.enterLoop()
    if (receivedBytes > 0 && !this.refused) this.addReceived(receivedBytes)
    const outcome: Outcome = {
      status,
      problem,
      brokenOff: problem === 'client-closed' || (problem !== null && !this.refused && end.status === undefined),
      forOperator,
      sentBytes: this.sentBytes,
      receivedBytes: this.receivedBytes,
      durationMs: this.ended(),
      phases: this,
      connection: this.connection,
      breaker: this.lease?.breakerState ?? null,
      sentType: this.#sentType(),
      receivedType: this.refused || this.answer === null ? null : contentTypeIn(this.answer.headers),
      isTakeover: this.answer !== null && isTakeover(this.answer),
      ...(this.hashes !== null && {
        sentSha256: this.refused ? null : this.hashes.sent(this.sentBytes),
        receivedSha256: this.#receivedHash(this.hashes, complete),
      }),
      retried: this.retried,
      cost: this.cost(this.refused ? 0 : receivedBytes),
      complete,
    }
    // Each part is done whatever the others throw: a slot that is not freed would be lost until a restart.
    try {
      this.hold?.release()
      if (receivedBytes > 0 && !this.refused) this.lease?.overdraw(receivedBytes)
      this.lease?.settle(outcome)
    } catch (error) {
      this.report(error)
    }
    try {
      this.entry?.settled(outcome)
    } catch (error) {
      this.report(error)
    }
    try {
      if (forOperator !== null)
        this.stations.onRefusal(outcome, this.arrival.id, this.who?.integration.name ?? null, this.entry?.trace ?? null)
    } catch (error) {
      this.report(error)
    }
    const integration = this.who?.integration ?? null
    try {
      this.stations.watch?.settled(this.watched, integration, this.arrival.id, this.arrival.at, outcome)
    } catch (error) {
      this.report(error)
    }
    try {
      this.stations.usage.settled(integration, this.origin, outcome, this.traced(outcome))
    } catch (error) {
      this.report(error)
    }
  }

  #receivedHash(hashes: BodyHashes, complete: boolean): string | null {
    const { answer } = this
    return !complete || this.refused || answer === null || isTakeover(answer) ? null : hashes.received(answer, this.receivedBytes)
  }

  #sentType(): string | null {
    const { request } = this
    if (request === null || !('headers' in request) || request.body === null) return null
    return contentTypeIn(request.headers)
  }

  #open(): Entry | null {
    try {
      return this.stations.auditLog.open(this.arrival)
    } catch (error) {
      this.report(error)
      return null
    }
  }

  /** Returns what the caller is answered: the refusal itself if it could be recorded. */
  #recordRefusal(refusal: Refusal): Refusal {
    const { entry, who } = this
    if (entry === null) return unrecorded()
    if (this.decided) return refusal
    try {
      if (this.waitsForDisk || refusal.code === 'arrivals-exceeded' || refusal.code === 'audit-unavailable') entry.summed(refusal, who)
      else entry.refused(refusal, who)
      return refusal
    } catch (error) {
      this.report(error)
    }
    try {
      // Again, without anything that came from the caller.
      const bare = toRefusal(null)
      entry.refused(bare, who)
      return bare
    } catch (error) {
      this.report(error)
      return unrecorded()
    }
  }

  #turnInto(refusal: Refusal): void {
    this.refusal = refusal
    // One whose caller is not known would be refused there as well.
    const caller = this.who === null ? null : { selfUrl: this.arrival.selfUrl, state: this.who.contained?.state }
    this.answer = this.timed(toProblem(refusal, this.arrival.id, caller))
  }

  /** Frees what the effect opened, since it will not be delivered. */
  #discardAnswer(): void {
    const { answer } = this
    this.answer = null
    if (answer === null) return
    try {
      if (isTakeover(answer)) answer.discard()
      else if (typeof answer.body === 'function') void answer.body({ write: () => false }).catch(() => {})
    } catch (error) {
      this.report(error)
    }
  }
}

/** A request that cannot be recorded gets no other answer. */
export function unrecorded(): Refusal {
  return new Refusal('audit-unavailable', 'the request could not be recorded', { headers: ['retry-after', '30'] })
}
