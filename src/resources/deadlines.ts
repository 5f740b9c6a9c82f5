/** Deadlines over several steps of an effect: until the head of the reply, and over all of it. */
import { type Hangup, isTakeover, Refusal, type Reply, type Timeouts, timeoutKeys } from '../core/index.ts'

/** Until the head of the reply: the wait for a connection counts, and so does an earlier attempt. */
export interface HeadDeadline {
  /** As it was stated. */
  readonly timeoutMs: number
  /** What is left, at least 1. */
  leftMs(): number
}

export function createHeadDeadline(timeoutMs: number): HeadDeadline {
  const until = performance.now() + timeoutMs
  return { timeoutMs, leftMs: () => Math.max(1, Math.ceil(until - performance.now())) }
}

/** A hang-up as well when the time is up: whatever waits for the caller then ends, with `total-timeout`. */
export class TotalDeadline implements Hangup {
  readonly #callbacks = new Set<() => void>()
  readonly #until: number
  readonly #timer: NodeJS.Timeout
  readonly #forget: () => void
  gone = false
  reason?: Refusal

  constructor(totalMs: number, caller: Hangup) {
    this.#until = performance.now() + totalMs
    this.#timer = setTimeout(() => {
      this.reason = new Refusal('total-timeout', `the exchange as a whole took more than ${totalMs} ms`)
      this.#leave()
    }, totalMs)
    this.#forget = caller.onGone(() => this.#leave())
  }

  leftMs(): number {
    return Math.max(1, Math.ceil(this.#until - performance.now()))
  }

  onGone(callback: () => void): () => void {
    if (this.gone) callback()
    else this.#callbacks.add(callback)
    return () => void this.#callbacks.delete(callback)
  }

  /** Call it when the exchange is over. */
  end(): void {
    clearTimeout(this.#timer)
    this.#forget()
  }

  #leave(): void {
    this.gone = true
    clearTimeout(this.#timer)
    for (const callback of [...this.#callbacks]) callback()
    this.#callbacks.clear()
  }
}

/** Gives the reply of `work`; its body, too, has to have come within the time. A takeover has its own clock. */
export function withinTotal(
  totalMs: number | undefined,
  caller: Hangup,
  work: (hangup: Hangup) => Promise<Reply> | Reply,
): Promise<Reply> | Reply {
  return totalMs === undefined ? work(caller) : within(new TotalDeadline(totalMs, caller), work)
}

async function within(total: TotalDeadline, work: (hangup: Hangup) => Promise<Reply> | Reply): Promise<Reply> {
  let isPushed = false
  try {
    const reply = await work(total)
    if (isTakeover(reply) || typeof reply.body !== 'function') return reply
    const push = reply.body
    isPushed = true
    return { ...reply, body: (sink) => push(sink).finally(() => total.end()) }
  } finally {
    if (!isPushed) total.end()
  }
}

/** Of each timeout the shorter. */
export function shortestOf(one: Timeouts, other: Timeouts): Timeouts {
  const shortest: { -readonly [Key in keyof Timeouts]: Timeouts[Key] } = { ...one }
  for (const key of timeoutKeys) {
    const ms = other[key]
    if (ms !== undefined) shortest[key] = Math.min(ms, one[key] ?? ms)
  }
  return shortest
}
