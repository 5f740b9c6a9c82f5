/** How one arrival ends, whatever failed on its way: refused in one record, counted as its bytes pass, settled once. Nothing here throws. */
import {
  type Arrival,
  type BodyHold,
  type Entry,
  type Identified,
  isTakeover,
  type Lease,
  type Meter,
  type ProblemCode,
  Refusal,
  type Reply,
  type Slowed,
  type Stations,
  Timeline,
  toProblem,
  toRefusal,
} from './core/index.ts'

export interface SettlingEnd {
  readonly complete: boolean
  /** What the caller was answered, where that is not the reply's status. */
  readonly status?: number
  /** What went wrong after the reply was handed over. */
  readonly problem?: ProblemCode | null
  /** What that problem tells the operator alone. */
  readonly forOperator?: string | null
  readonly receivedBytes?: number
}

/** Nobody was there to be answered. An origin's own 499 is a status like any other. */
const clientClosed = 499

/** A class that the path extends, so that what outlives the decision (charging, settling) costs neither an object nor a closure per request. */
export class Settlement extends Timeline implements Meter {
  protected readonly stations: Stations
  protected readonly arrival: Arrival
  /** `null` where it could not even be opened: nothing is recorded then, and nothing is answered but that. */
  protected readonly entry: Entry | null
  protected who: Identified | null = null
  protected lease: Lease | null = null
  /** Of the body, where the policy looked at it. */
  protected hold: BodyHold | null = null
  protected origin: string | null = null
  /** The decision is recorded: what is refused from now on needs no record of its own. */
  protected decided = false
  protected answer: Reply | null = null
  protected problem: ProblemCode | null = null
  #forOperator: string | null = null
  #sentBytes = 0
  #receivedBytes = 0
  #settled = false

  constructor(stations: Stations, arrival: Arrival) {
    super(stations.now)
    this.stations = stations
    this.arrival = arrival
    this.entry = this.#open() // recorded from the first moment, malformed ones too
  }

  /** A denial waits for its record like any reply; where the record cannot be kept, 503 is all that leaves. Never rejects. */
  protected async refuse(refusal: Refusal): Promise<void> {
    if (refusal.code === 'internal') this.#report(refusal.cause)
    this.#discardAnswer()
    let told = this.#recordRefusal(refusal)
    try {
      await (this.entry?.durable() ?? undefined)
    } catch (error) {
      told = toRefusal(error)
    }
    this.#turnInto(told)
  }

  get reply(): Reply {
    // The path resolves only once there is one.
    return this.answer as Reply
  }

  get refused(): boolean {
    return this.problem !== null
  }

  get meter(): Meter {
    return this
  }

  sent(bytes: number): Slowed | null {
    this.#sentBytes += bytes
    try {
      const slowed = this.lease?.sent(bytes) ?? null
      if (slowed !== null) {
        this.#sentBytes -= bytes
        return this.#counted(slowed, (passed) => this.#addSent(passed))
      }
      this.stations.onBytes(bytes)
    } catch (error) {
      this.#break(error)
    }
    return null
  }

  received(bytes: number): Slowed | null {
    this.#receivedBytes += bytes
    try {
      const slowed = this.lease?.received(bytes) ?? null
      if (slowed !== null) {
        this.#receivedBytes -= bytes
        return this.#counted(slowed, (passed) => this.#addReceived(passed))
      }
      this.stations.onBytes(bytes)
    } catch (error) {
      this.#break(error)
    }
    return null
  }

  fail(error: unknown): void {
    this.#report(error)
    this.#discardAnswer()
    this.#turnInto(toRefusal(null))
  }

  settle(end: SettlingEnd): void {
    if (this.#settled) return
    const { complete, forOperator = this.#forOperator, receivedBytes = 0 } = end
    const { status = this.answer?.status ?? 500 } = end
    const { problem = this.problem ?? (end.status === clientClosed ? 'client-closed' : null) } = end
    this.#settled = true
    if (receivedBytes > 0 && this.problem === null) this.#addReceived(receivedBytes)
    const outcome = {
      status,
      problem,
      brokenOff: problem === 'client-closed' || (problem !== null && this.problem === null && end.status === undefined),
      forOperator,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      durationMs: this.stations.now() - this.arrivedAt,
      phases: this,
      isTakeover: this.answer !== null && isTakeover(this.answer),
      attempts: this.#attempts(),
      complete,
    }
    // Each is owed its end, whatever becomes of the others: a slot that is not freed is lost until a restart.
    try {
      this.hold?.release()
      if (receivedBytes > 0 && this.problem === null) this.lease?.overdraw(receivedBytes)
      this.lease?.settle(outcome)
    } catch (error) {
      this.#report(error)
    }
    try {
      this.entry?.settled(outcome)
    } catch (error) {
      this.#report(error)
    }
    try {
      if (forOperator !== null) this.stations.onRefusal(outcome, this.arrival.id, this.who?.integration.name ?? null)
    } catch (error) {
      this.#report(error)
    }
    try {
      this.stations.usage.settled(this.who?.integration ?? null, this.origin, outcome)
    } catch (error) {
      this.#report(error)
    }
  }

  #addSent(bytes: number): void {
    this.#sentBytes += bytes
    this.stations.onBytes(bytes)
  }

  #addReceived(bytes: number): void {
    this.#receivedBytes += bytes
    this.stations.onBytes(bytes)
  }

  #attempts(): number {
    const { answer } = this
    return answer === null || isTakeover(answer) ? 1 : (answer.attempts ?? 1)
  }

  #open(): Entry | null {
    try {
      return this.stations.auditLog.open(this.arrival)
    } catch (error) {
      this.#report(error)
      return null
    }
  }

  /** Gives what the caller is told: the refusal itself where it could be recorded. */
  #recordRefusal(refusal: Refusal): Refusal {
    const { entry, who } = this
    if (entry === null) return unrecorded()
    if (this.decided) return refusal
    try {
      if (refusal.code === 'arrivals-exceeded') entry.summed(refusal, who)
      else entry.refused(refusal, who)
      return refusal
    } catch (error) {
      this.#report(error)
    }
    try {
      // Once more, without anything that came from outside.
      const bare = toRefusal(null)
      entry.refused(bare, who)
      return bare
    } catch (error) {
      this.#report(error)
      return unrecorded()
    }
  }

  #turnInto(refusal: Refusal): void {
    this.problem = refusal.code
    this.#forOperator = refusal.forOperator
    this.answer = toProblem(refusal, this.arrival.id)
  }

  /** What the effect opened and nobody will read. */
  #discardAnswer(): void {
    const { answer } = this
    this.answer = null
    if (answer === null) return
    try {
      if (isTakeover(answer)) answer.discard()
      else if (typeof answer.body === 'function') void answer.body({ write: () => false }).catch(() => {})
    } catch (error) {
      this.#report(error)
    }
  }

  /** In the midst of the bytes: nothing can be answered any more, and nothing passes uncounted. */
  #counted(slowed: Slowed, add: (bytes: number) => void): Slowed {
    return {
      next: async () => {
        try {
          const bytes = await slowed.next()
          add(bytes)
          return bytes
        } catch (error) {
          this.#break(error)
          return 0
        }
      },
      end: () => slowed.end(),
    }
  }

  #break(error: unknown): void {
    this.#report(error)
    this.settle({ complete: false, problem: 'internal' })
    this.arrival.cut()
  }

  /** What is no Refusal is a bug; telling of it must not become another. */
  #report(error: unknown): void {
    try {
      this.stations.onBug(error, this.arrival.id)
    } catch {
      // The log of bugs is what failed.
    }
  }
}

/** What cannot be recorded is not answered. */
export function unrecorded(): Refusal {
  return new Refusal('audit-unavailable', 'the request could not be recorded', { headers: ['retry-after', '30'] })
}
