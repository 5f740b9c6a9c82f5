/** One deadline over all the steps of a way out, and a caller's hang-up heard in each of them. */
import { endOf, type Hangup, type ProblemCode, Refusal } from '../core/index.ts'

/** What ends a dial before its time: the caller that it is for, or a signal whose reason is a Refusal. */
export type Stop = Hangup | AbortSignal

/**
 * Gives what `work` gives, or rejects at once when the time is up (`code`) or `stop` says so
 * (`client-closed`, or its own reason). `work` has to stop at its signal, whose reason is that Refusal.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  what: string,
  stop: Stop | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  code: ProblemCode = 'origin-timeout',
): Promise<T> {
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(new Refusal(code, `${what} within ${timeoutMs} ms`)), timeoutMs)
  const forget = stop && onStop(stop, (reason) => ending.abort(reason))
  try {
    ending.signal.throwIfAborted()
    return await work(ending.signal)
  } finally {
    clearTimeout(timer)
    forget?.()
  }
}

function onStop(stop: Stop, end: (reason: Refusal) => void): () => void {
  if (!(stop instanceof AbortSignal)) return stop.onGone(() => end(endOf(stop)))
  const ended = () => end(stop.reason instanceof Refusal ? stop.reason : endOf({}))
  if (stop.aborted) ended()
  else stop.addEventListener('abort', ended, { once: true })
  return () => stop.removeEventListener('abort', ended)
}

/** As `withDeadline` within another one; without a bound of its own it has that one's. */
export function withinPart<T>(
  part: { readonly timeoutMs: number | undefined; readonly what: string; readonly code: ProblemCode },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return part.timeoutMs === undefined ? work(signal) : withDeadline(part.timeoutMs, part.what, signal, work, part.code)
}

/** Rejects with the signal's reason as soon as it is aborted, whatever becomes of `promise`. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
