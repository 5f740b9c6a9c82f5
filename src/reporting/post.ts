/** Sends a report to a server: accepted, refused for good, or to be sent again after a pause. */
import { type Server, ServerError } from '../bundles/index.ts'

export interface PostResult {
  /** `refused`: this very report will never be taken, whenever it is sent. */
  readonly outcome: 'taken' | 'refused' | 'failed'
  readonly problem: string | null
  readonly status: number | null
}

/** Nothing of an answer is read but its status. */
const maxReplyBytes = 64 * 1024
/** RFC 9110 §15.5: the content itself is what the server does not take. */
const refusals = new Set([400, 413, 415, 422])

export interface Report {
  readonly path: string
  readonly body: Buffer
  readonly encoding?: 'gzip'
  readonly signal: AbortSignal
}

/** Never throws. */
export async function post(server: Server, { path, body, encoding, signal }: Report): Promise<PostResult> {
  const headers = { 'content-type': 'application/json', ...(encoding !== undefined && { 'content-encoding': encoding }) }
  try {
    const { status } = await server.request({ method: 'POST', path, headers, body, maxBytes: maxReplyBytes, signal })
    if (status >= 200 && status < 300) return { outcome: 'taken', problem: null, status }
    const problem = `${server.urlOf(path)} answers with ${status}`
    return { outcome: refusals.has(status) ? 'refused' : 'failed', problem, status }
  } catch (error) {
    return { outcome: 'failed', problem: (error as Error).message, status: error instanceof ServerError ? error.status : null }
  }
}

export interface Pause {
  /** Resolves after `ms`, or as soon as it is woken; at once where that was asked for since the last wait. */
  wait(ms: number): Promise<void>
  wake(): void
}

export function createPause(): Pause {
  let resolve: (() => void) | null = null
  let woken = false
  return {
    async wait(ms) {
      if (!woken) {
        const { promise, resolve: end } = Promise.withResolvers<void>()
        resolve = end
        // Not what keeps the process alive.
        const timer = setTimeout(end, ms).unref()
        await promise
        clearTimeout(timer)
      }
      resolve = null
      woken = false
    },
    wake() {
      woken = true
      resolve?.()
    },
  }
}

/** Anywhere between the two, so that a fleet does not report in step. */
export function between(minMs: number, maxMs: number): number {
  return minMs + Math.random() * (maxMs - minMs)
}
