/** Sends an idempotent request again: nothing of it had been sent, or the destination said when to come back. Within a budget, and within its deadlines. */
import {
  type Answer,
  type Connection,
  endOf,
  type FormerAttempt,
  type Hangup,
  type HeaderList,
  isTakeover,
  type JudgedBody,
  type Progress,
  Refusal,
  type Reply,
  type RequestBody,
  type Retries,
} from '../core/index.ts'
import { createFairCache } from '../shares/index.ts'
import { headersOf } from '../text/index.ts'
import { type HeadDeadline, TotalDeadline } from './deadlines.ts'

export interface RetriesOptions {
  /** From 0 to 1, for jitter. */
  readonly random?: () => number
  /** Milliseconds since the epoch, for a Retry-After that is a date. */
  readonly now?: () => number
}

export interface Retried {
  readonly settings: Retries
  /** Budgets are kept by both. */
  readonly owner: string
  readonly origin: string
  /** Of an idempotent request (RFC 9110 §9.2.2); others are asked once. */
  readonly body: RequestBody | null
  readonly head: HeadDeadline
  /** Of the time for all of it, where there is one (`TotalDeadline`). */
  readonly hangup: Hangup
  readonly progress: Progress
}

export type Attempt = (progress: Progress) => Promise<Reply> | Reply

/** Gives the reply of the last attempt. Throws as `attempt`, and `client-closed` or `total-timeout` in a pause between two. */
export type WithRetries = (retried: Retried, attempt: Attempt) => Promise<Reply>

const defaults = { backoffMs: 100, budgetPercent: 20 }
/** A pause doubles with each attempt up to this. */
const maxBackoffMs = 10_000
/** Retries that need no budget: a caller that asks seldom has them, and an outage costs no more than these and the share. */
const reserve = 10
/** Integrations and origins whose budgets are known; one that was pushed out begins with its reserve. */
const maxBudgets = 1000

export function createRetries({ random = Math.random, now = Date.now }: RetriesOptions = {}): WithRetries {
  const budgets = createFairCache<{ left: number }>(maxBudgets)

  function budgetOf(owner: string, origin: string): { left: number } {
    const known = budgets.get(owner, origin)
    if (known !== undefined) return known
    const fresh = { left: reserve }
    budgets.set(owner, origin, fresh)
    return fresh
  }

  /** Until the next attempt; `null`: this was the last one. */
  function pauseAfter(ended: Ended, count: number, { settings, body, head, hangup }: Retried): number | null {
    const { backoffMs = defaults.backoffMs } = settings
    if (count >= settings.attempts || hangup.gone || (body !== null && body.whole === null)) return null
    const most = Math.min(maxBackoffMs, backoffMs * 2 ** (count - 1))
    const statedMs = 'failure' in ended ? (ended.wasSent || !mayPass(ended.failure) ? null : 0) : retryAfterOf(ended.answer, now())
    if (statedMs === null) return null
    // Callers that were refused together do not come back together.
    const pauseMs = statedMs + most * (0.5 + random() / 2)
    const leftMs = hangup instanceof TotalDeadline ? hangup.leftMs() : Number.POSITIVE_INFINITY
    return pauseMs < Math.min(head.leftMs(), leftMs) ? pauseMs : null
  }

  return async (retried, attempt) => {
    const { settings, owner, origin, body, hangup, progress } = retried
    const budget = budgetOf(owner, origin)
    budget.left = Math.min(reserve, budget.left + (settings.budgetPercent ?? defaults.budgetPercent) / 100)
    for (let count = 1; ; count += 1) {
      const ended = await end(attempt, progress)
      const pauseMs = pauseAfter(ended, count, retried)
      if (pauseMs === null || budget.left < 1) {
        if ('failure' in ended) throw ended.failure
        return ended.answer
      }
      budget.left -= 1
      progress.retrying(formerOf(ended, body))
      discard(ended)
      await pause(pauseMs, hangup)
    }
  }
}

/** A longer body, or one of a length that is not declared, is streamed, and sent once. */
const maxResentBytes = 64 * 1024

/** Reads a short body before it is sent, so that it can be sent again. Throws as `JudgedBody.buffer`, and what `hangup` says: its caller may take longer than all of it may. */
export async function holdForRetries(body: JudgedBody | null, hangup: Hangup): Promise<void> {
  if (body === null || (await body.arrived()) || (body.declaredBytes ?? Number.POSITIVE_INFINITY) > maxResentBytes) return
  const ended = Promise.withResolvers<never>()
  const forget = hangup.onGone(() => ended.reject(endOf(hangup)))
  try {
    await Promise.race([body.buffer(maxResentBytes), ended.promise])
  } finally {
    forget()
  }
}

type Ended = { readonly answer: Reply } | { readonly failure: unknown; readonly wasSent: boolean }

async function end(attempt: Attempt, progress: Progress): Promise<Ended> {
  const watched = new WatchedProgress(progress)
  try {
    return { answer: await attempt(watched) }
  } catch (failure) {
    return { failure, wasSent: watched.isStarted }
  }
}

/** Knows whether the request got a connection: from then on something of it may have been sent. */
class WatchedProgress implements Progress {
  readonly #progress: Progress
  isStarted = false

  constructor(progress: Progress) {
    this.#progress = progress
  }

  dialling(): void {
    this.#progress.dialling()
  }

  dialled(connection: Connection | null): void {
    this.#progress.dialled(connection)
  }

  started(connection: Connection | null): void {
    this.isStarted = true
    this.#progress.started(connection)
  }

  answered(): void {
    this.#progress.answered()
  }

  /** What was sent over a connection that turned out to be closed was sent to nobody. */
  retrying(attempt: FormerAttempt): void {
    this.isStarted = false
    this.#progress.retrying(attempt)
  }

  outgoing(headers: HeaderList): HeaderList {
    return this.#progress.outgoing(headers)
  }
}

/** A destination that could not be reached may be reached a moment later. Not so one that is not trusted, not allowed, or does not exist. */
function mayPass(failure: unknown): boolean {
  if (!(failure instanceof Refusal)) return false
  const { code } = (failure.cause ?? {}) as NodeJS.ErrnoException
  if (code === 'ENOTFOUND' || code === 'ENODATA') return false
  return passing.has(failure.code)
}

const passing: ReadonlySet<string> = new Set([
  'origin-unreachable',
  'origin-failed',
  'origin-timeout',
  'origin-connect-timeout',
  'origin-tls-timeout',
])

/** Milliseconds that a 429 or 503 asks for (RFC 9110 §10.2.3); `null` where it asks for nothing. */
function retryAfterOf(reply: Reply, now: number): number | null {
  if (isTakeover(reply) || (reply.status !== 429 && reply.status !== 503)) return null
  const value = headersOf(reply.headers)['retry-after']?.[0]?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = /^[A-Za-z]{3,9}, .* GMT$/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

function formerOf(ended: Ended, body: RequestBody | null): FormerAttempt {
  const whole = body?.whole?.byteLength ?? 0
  if ('answer' in ended) return { problem: null, status: ended.answer.status, sentBytes: whole }
  return { problem: (ended.failure as Refusal).code, status: null, sentBytes: 0 }
}

/** What is left of a reply that nobody gets is not read. */
function discard(ended: Ended): void {
  const body = 'answer' in ended ? (ended.answer as Answer).body : null
  if (typeof body === 'function') void body({ write: () => false }).catch(() => {})
}

function pause(ms: number, hangup: Hangup): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      queueMicrotask(() => forget())
      resolve()
    }, ms)
    const forget = hangup.onGone(() => {
      clearTimeout(timer)
      reject(endOf(hangup))
    })
  })
}
