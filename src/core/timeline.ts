/** When a request passed which point of its path, and how long each phase took by that. */

/** Told by an effect as it goes. Of several calls of one method the first counts, and what no longer matters is passed over. */
export interface Progress {
  /** A connection is made for it: its name is looked up, it is dialled, TLS is agreed on. */
  dialling(): void
  /** That connection is there. */
  dialled(): void
  /** It has what it waited for, a connection or a turn at the disk: from now on the destination is waited for. */
  started(): void
  /** The head of the answer is there. */
  answered(): void
}

/** Milliseconds; `null` where a request had no such phase, or did not come to its end. */
export interface Phases {
  /** The decision, with what rules ask outside and without the wait for a body. */
  readonly policyMs: number | null
  /** From the admission to the destination: for a connection or a turn, and for the record where durability is strict. The making of a connection is not in it. */
  readonly queueMs: number | null
  /** The making of the connection that was made for it. A kept one was made for another request, which has this phase. */
  readonly connectMs: number | null
  /** From then on to the head of the answer. */
  readonly firstByteMs: number | null
}

/** No moment. */
const never = -1

/** A class that the path extends, so that it costs neither an object nor a closure per request. */
export class Timeline implements Progress, Phases {
  readonly #now: () => number
  protected readonly arrivedAt: number
  #policyMs = never
  #admittedAt = never
  #diallingAt = never
  #dialledAt = never
  #startedAt = never
  #answeredAt = never

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
