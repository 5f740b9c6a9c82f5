/** When a request passed each point of its path, and from that the length of each phase. */
import type { ProblemCode } from './problems.ts'

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
}

/** Milliseconds; `null` where a request had no such phase, or did not come to its end. */
export interface Phases {
  /** The decision, including external calls and without the wait for a body. */
  readonly policyMs: number | null
  /** From admission until the request goes to the destination: the wait for a connection or a turn, and for the record where durability is strict. Without `connectMs`. */
  readonly queueMs: number | null
  /** How long it took to establish a connection for this request; `null` where it reused one. */
  readonly connectMs: number | null
  /** That connection, whose parts are in it; `null` where it reused one. */
  readonly made: Connection | null
  /** From then on until the head of the reply. */
  readonly firstByteMs: number | null
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
  #policyMs = never
  #admittedAt = never
  #diallingAt = never
  #dialledAt = never
  #startedAt = never
  #answeredAt = never
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

  /** `ms`: how long the decision took. */
  protected judged(ms: number): void {
    this.#policyMs = ms
  }

  protected admitted(): void {
    this.#admittedAt = this.#now()
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

  protected get retried(): readonly RetriedAttempt[] {
    return this.#formerAttempts ?? none
  }

  get policyMs(): number | null {
    return this.#policyMs === never ? null : this.#policyMs
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
    return this.#answeredAt === never || this.#startedAt === never ? null : this.#answeredAt - this.#startedAt
  }
}
