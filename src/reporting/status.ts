/** The status service: reports the state of bundles and of the reports themselves to a server, at each change and from time to time. */
import type { Server } from '../bundles/index.ts'
import { createBackoff } from '../core/index.ts'
import type { Labels } from './event.ts'
import { type BundleReport, bundleStatusDocument } from './local-status.ts'
import { between, createPause, type PostResult, post } from './post.ts'

/** Of the decision log: the last upload, and what became of events so far. */
export interface UploadStatus {
  readonly last: PostResult | null
  readonly counters: Readonly<Record<string, number>>
}

export interface StatusOptions {
  readonly server: Server
  readonly resource: string
  /** Between two reports of an unchanged state; after a failure between tries `maxDelayMs` is the most. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  readonly labels: Labels
  readonly bundles: () => readonly BundleReport[]
  /** `null`: there is no decision log. */
  readonly uploads: () => UploadStatus | null
  readonly maskText: (text: string) => string
  readonly onResult: (result: PostResult) => void
}

export interface StatusReporter {
  /** Something is otherwise than in the last report. */
  changed(): void
  close(flushMs: number): Promise<void>
}

const firstRetryMs = 100

/** Reports are not kept: what is sent is always how things stand now. */
export function createStatus(options: StatusOptions): StatusReporter {
  const { server, resource, minDelayMs, maxDelayMs, onResult } = options
  const backoff = createBackoff({ minMs: Math.min(firstRetryMs, maxDelayMs), maxMs: maxDelayMs })
  const pause = createPause()
  const stop = new AbortController()
  let closing = false

  async function run(): Promise<void> {
    // Nothing is reported before the first change.
    await pause.wait(maxDelayMs)
    while (!stop.signal.aborted) {
      const last = closing
      const body = Buffer.from(JSON.stringify(statusDocument(options)))
      const result = await post(server, { path: resource, body, signal: stop.signal })
      if (!stop.signal.aborted) onResult(result)
      if (last) return
      if (result.outcome === 'taken') backoff.reset()
      await pause.wait(result.outcome === 'taken' ? between(minDelayMs, maxDelayMs) : backoff.next())
    }
  }

  const running = run()

  return {
    changed: () => pause.wake(),
    async close(flushMs) {
      closing = true
      const timer = setTimeout(() => stop.abort(), flushMs)
      pause.wake()
      await running
      clearTimeout(timer)
    },
  }
}

/** UpdateRequestV1 of OPA. */
function statusDocument({ labels, bundles, uploads, maskText }: StatusOptions) {
  const all = bundles()
  const uploading = uploads()
  return {
    labels,
    bundles: Object.fromEntries(all.map((status) => [status.name, bundleStatusDocument(status, maskText)])),
    ...(uploading !== null && { decision_logs: uploadDocument(uploading, maskText) }),
    plugins: {
      // OPA's bundle plugin is ready once each bundle was activated once, whatever came after.
      bundle: { state: all.every(({ activeRevision }) => activeRevision !== null) ? 'OK' : 'NOT_READY' },
      ...(uploading !== null && { decision_logs: { state: 'OK' } }),
      status: { state: 'OK' },
    },
  }
}

function uploadDocument({ last, counters }: UploadStatus, maskText: (text: string) => string) {
  const failed = last !== null && last.problem !== null
  return {
    ...(failed && { code: 'decision_log_error', message: maskText(last.problem ?? '') }),
    ...(failed && last.status !== null && { http_code: last.status }),
    metrics: Object.fromEntries(
      Object.entries(counters).map(([name, count]) => [`counter_decision_logs_${opaNames[name] ?? name}`, count]),
    ),
  }
}

/** Where OPA counts the same. */
const opaNames: Readonly<Record<string, string>> = {
  buffer: 'dropped_buffer_size_limit_bytes_exceeded',
  rate: 'dropped_rate_limit_exceeded',
  'too-large': 'encoding_failure',
}
