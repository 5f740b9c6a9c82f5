/** When a request passed each point of its path, and from that the length of each phase. */
import type { ProblemCode } from './problems.ts'
import type { HeaderList } from './request.ts'

/** How an attempt ended after which the destination was asked again. */
export interface FormerAttempt {
  /** What it failed by, … */
  readonly problem: ProblemCode | null
  /** … or what the destination answered. */
  readonly status: number | null
  /** Of the body: what the destination was sent for nothing. The caller is charged once. */
  readonly sentBytes: number
}

/** A connection to a destination: what was dialled, who answered there, and how long each part of that took. */
export interface Connection {
  /** What the name resolved to, and was judged. */
  readonly address: string
  readonly port: number
  /** SHA-256 of the destination's certificate in hexadecimal; `null` without TLS of the gateway's. */
  readonly certificate: string | null
  /** The lookup of the name, its wait for a turn included; `null` for an address. */
  readonly dnsMs: number | null
  readonly tcpMs: number
  readonly tlsMs: number | null
}

/** An effect reports its progress here. Of several calls of one method the first counts; a call that comes too late is ignored. */
export interface Progress {
  /** A connection is being made for this request: lookup, dial, TLS handshake. */
  dialling(): void
  /** That connection is established. */
  dialled(connection: Connection | null): void
  /** The request has its connection, or its turn at the disk: from now on it waits for the destination. Of several attempts the last connection counts. */
  started(connection: Connection | null): void
  /** The head of the reply has arrived. */
  answered(): void
  /** An attempt has ended, and the destination is asked again. Each call counts. */
  retrying(attempt: FormerAttempt): void
  /** The headers as they go to the destination: with the trace that it is told of. The same at each call. */
  outgoing(headers: HeaderList): HeaderList
}

/** Milliseconds; `null` where a request had no such phase, or did not come to its end. */
export interface Phases {
  /** From the arrival until it is known who calls; with the wait for a disk that falls behind. */
  readonly identifyMs: number | null
  /** From then on until the arrivals bucket has let it pass; with the time for which a flood is kept waiting. */
  readonly limitsMs: number | null
  /** The decision, including external calls and without the wait for a body. */
  readonly policyMs: number | null
  /** From the decision to the admission: the permit, buckets and concurrency. */
  readonly admitMs: number | null
  /** From admission until the request goes to the destination: the wait for a connection or a turn, and for the record where durability is strict. Without `connectMs`. */
  readonly queueMs: number | null
  /** How long it took to establish a connection for this request; `null` where it reused one. */
  readonly connectMs: number | null
  /** That connection, whose parts are in it; `null` where it reused one. */
  readonly made: Connection | null
  /** From then on until the head of the reply. */
  readonly firstByteMs: number | null
  /** How long the reply waited for its record to be on disk; `null` where it did not have to. */
  readonly recordMs: number | null
  /** From the head of the reply to its last byte; of a tunnel or a WebSocket, as long as it was open. */
  readonly bodyMs: number | null
}

/** When each point of the path was reached, in milliseconds since the arrival; `null` where it was not. */
export interface PathTimes {
  readonly identified: number | null
  /** The arrivals bucket has let it pass. */
  readonly counted: number | null
  /** The evaluation begins. */
  readonly asked: number | null
  readonly decided: number | null
  readonly admitted: number | null
  readonly dialling: number | null
  readonly dialled: number | null
  readonly started: number | null
  readonly answered: number | null
  /** The reply waits for its record. */
  readonly recording: number | null
  readonly recorded: number | null
  readonly settled: number | null
}

export interface RetriedAttempt extends FormerAttempt {
  /** Since the arrival. */
  readonly afterMs: number
}

const none: readonly RetriedAttempt[] = []

/** A point that was not reached. */
const never = -1

/** The class of an arrival's path extends it, so that it costs neither an object nor a closure per request. */
export class Timeline implements Progress, Phases {
  readonly #now: () => number
  protected readonly arrivedAt: number
  #identifiedAt = never
  #countedAt = never
  #askedAt = never
  #decidedAt = never
  #policyMs = never
  #admittedAt = never
  #diallingAt = never
  #dialledAt = never
  #startedAt = never
  #answeredAt = never
  #recordingAt = never
  #recordedAt = never
  #settledAt = never
  #formerAttempts: RetriedAttempt[] | null = null
  /** The connection that was made for this request. */
  #made: Connection | null = null
  /** The connection that it was sent over last. */
  connection: Connection | null = null

  /** `now`: milliseconds, monotonic. */
  constructor(now: () => number) {
    this.#now = now
    this.arrivedAt = now()
  }

  protected identified(): void {
    this.#identifiedAt = this.#now()
  }

  protected counted(): void {
    this.#countedAt = this.#now()
  }

  protected asked(): void {
    this.#askedAt = this.#now()
  }

  /** `waitedMs`: for a body that the policy looks at, which is no part of the decision. */
  protected judged(waitedMs: number): number {
    this.#decidedAt = this.#now()
    this.#policyMs = this.#decidedAt - this.#askedAt - waitedMs
    return this.#policyMs
  }

  protected admitted(): void {
    this.#admittedAt = this.#now()
  }

  /** The reply waits for its record. */
  protected recording(): void {
    this.#recordingAt = this.#now()
  }

  protected recorded(): void {
    this.#recordedAt = this.#now()
  }

  /** Answers how long all of it took. */
  protected ended(): number {
    this.#settledAt = this.#now()
    return this.#settledAt - this.arrivedAt
  }

  dialling(): void {
    if (this.#diallingAt === never && this.#startedAt === never) this.#diallingAt = this.#now()
  }

  dialled(connection: Connection | null): void {
    if (this.#diallingAt === never || this.#dialledAt !== never || this.#startedAt !== never) return
    this.#dialledAt = this.#now()
    this.#made = connection
  }

  started(connection: Connection | null): void {
    this.connection = connection
    if (this.#startedAt === never) this.#startedAt = this.#now()
  }

  answered(): void {
    if (this.#answeredAt === never) this.#answeredAt = this.#now()
  }

  retrying(attempt: FormerAttempt): void {
    this.#formerAttempts ??= []
    this.#formerAttempts.push({ ...attempt, afterMs: this.#now() - this.arrivedAt })
  }

  outgoing(headers: HeaderList): HeaderList {
    return headers
  }

  protected get retried(): readonly RetriedAttempt[] {
    return this.#formerAttempts ?? none
  }

  get identifyMs(): number | null {
    return between(this.arrivedAt, this.#identifiedAt)
  }

  get limitsMs(): number | null {
    return between(this.#identifiedAt, this.#countedAt)
  }

  get policyMs(): number | null {
    return this.#policyMs === never ? null : this.#policyMs
  }

  get admitMs(): number | null {
    return between(this.#decidedAt, this.#admittedAt)
  }

  get queueMs(): number | null {
    return this.#startedAt === never ? null : Math.max(0, this.#startedAt - this.#admittedAt - (this.connectMs ?? 0))
  }

  get connectMs(): number | null {
    return this.#dialledAt === never ? null : this.#dialledAt - this.#diallingAt
  }

  get made(): Connection | null {
    return this.#made
  }

  get firstByteMs(): number | null {
    return between(this.#startedAt, this.#answeredAt)
  }

  get recordMs(): number | null {
    return between(this.#recordingAt, this.#recordedAt)
  }

  get bodyMs(): number | null {
    return between(this.#answeredAt, this.#settledAt)
  }

  /** Read it once the request is settled. */
  get times(): PathTimes {
    const since = (at: number) => between(this.arrivedAt, at)
    return {
      identified: since(this.#identifiedAt),
      counted: since(this.#countedAt),
      asked: since(this.#askedAt),
      decided: since(this.#decidedAt),
      admitted: since(this.#admittedAt),
      dialling: since(this.#diallingAt),
      dialled: since(this.#dialledAt),
      started: since(this.#startedAt),
      answered: since(this.#answeredAt),
      recording: since(this.#recordingAt),
      recorded: since(this.#recordedAt),
      settled: since(this.#settledAt),
    }
  }
}

function between(from: number, to: number): number | null {
  return from === never || to === never ? null : to - from
}
