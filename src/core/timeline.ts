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

/** An effect reports its progress here. Of several calls of one method the first counts; a call that comes too late is ignored. */
export interface Progress {
  /** A connection is being made for this request: lookup, dial, TLS handshake. */
  dialling(): void
  /** That connection is established. */
  dialled(): void
  /** The request has its connection, or its turn at the disk: from now on it waits for the destination. */
  started(): void
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

  dialled(): void {
    if (this.#diallingAt !== never && this.#dialledAt === never && this.#startedAt === never) this.#dialledAt = this.#now()
  }

  started(): void {
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

  get firstByteMs(): number | null {
    return this.#answeredAt === never || this.#startedAt === never ? null : this.#answeredAt - this.#startedAt
  }
}
