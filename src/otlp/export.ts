/** Asks a collector to take something, over OTLP/HTTP in JSON (OpenTelemetry protocol 1.x). */
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { createServerClient } from '../bundles/index.ts'
import type { OtlpConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'

export type Signal = 'traces' | 'metrics'

/** The collector will never take it, and it must not be sent again. */
export class Refused extends Error {}

/** The collector is there, and asks for a pause. */
export class Throttled extends Error {
  readonly afterMs: number

  constructor(message: string, afterMs: number) {
    super(message)
    this.afterMs = afterMs
  }
}

export interface Collector {
  /** Throws `Refused`, `Throttled`, or anything else where it is to be sent again. Answers how many of its spans or points the collector has refused. */
  take(signal: Signal, body: Buffer, stop: AbortSignal): Promise<number>
  close(): Promise<void>
}

const compress = promisify(gzip)
/** An answer is empty, or one sentence. */
const maxReplyBytes = 64 * 1024
/** The only answers after which the protocol has the same sent again. */
const again = new Set([429, 502, 503, 504])
const maxPauseMs = 60_000

export function createCollector({ server: config, isCompressed }: OtlpConfig): Collector {
  const server = createServerClient(config, createOperatorLookup())
  return {
    async take(signal, content, stop) {
      const path = `v1/${signal}`
      const { status, headers, body } = await server.request({
        ...{ method: 'POST', path, maxBytes: maxReplyBytes, signal: stop },
        headers: { 'content-type': 'application/json', ...(isCompressed && { 'content-encoding': 'gzip' }) },
        // The fastest level: spans repeat themselves, and a request has some four kilobytes of them.
        body: isCompressed ? await compress(content, { level: constants.Z_BEST_SPEED }) : content,
      })
      if (status >= 200 && status < 300) return refusedIn(body)
      const problem = `${server.urlOf(path)} answers with ${status}`
      if (!again.has(status)) throw new Refused(problem)
      const seconds = Number(headers['retry-after'])
      throw seconds > 0 ? new Throttled(problem, Math.min(seconds * 1000, maxPauseMs)) : new Error(problem)
    },
    close: () => server.close(),
  }
}

interface Reply {
  readonly partialSuccess?: { readonly rejectedSpans?: number | string; readonly rejectedDataPoints?: number | string }
}

/** Some collectors answer with nothing, or with protobuf. */
function refusedIn(body: Buffer): number {
  try {
    const { partialSuccess = {} } = JSON.parse(body.toString()) as Reply
    return Number(partialSuccess.rejectedSpans ?? partialSuccess.rejectedDataPoints ?? 0) || 0
  } catch {
    return 0
  }
}
