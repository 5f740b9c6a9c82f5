/** A bundle from a server: asked for again and again, verified, offered, and kept for a start without the server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, createBackoff } from '../../core/index.ts'
import { type Server, ServerError } from '../client/index.ts'
import type { SnapshotBundle } from '../format/index.ts'
import { type BundleSource, type BundleSourceOptions, failureOf, NotActivated, verificationOf } from './bundle-source.ts'
import { type Answer, download } from './download.ts'
import { createStatus, now } from './status.ts'
import { keepFetched, readKept } from './store.ts'
import { applyUpdate, type Fetched } from './updates.ts'

export interface RemoteOptions extends BundleSourceOptions {
  readonly server: Server
  readonly timeoutMs: number
  readonly resource: string
  /** Where the last good bundle is kept. */
  readonly path: string
}

/** As OPA has it. */
const minRetryMs = 100
/** A chain of deltas must not grow without bound, in number or beyond what a bundle may have: then a snapshot is asked for. */
const maxParts = 64

type Outcome = 'new' | 'same' | 'failed'

export function createRemoteSource(options: RemoteOptions): BundleSource {
  const { config, server, timeoutMs, resource, path, offer, onFailure, onStatus } = options
  const { name, polling, maxBytes } = config
  const origin = server.urlOf(resource)
  const reading = { verification: verificationOf(config), maxBytes }
  const status = createStatus(name, onStatus)
  const backoff: Backoff = createBackoff({ minMs: minRetryMs, maxMs: polling.maxMs })
  const stop = new AbortController()
  /** The newest good bundle, and the one on disk. */
  let held: Fetched | null = null
  let kept: Fetched | null = null
  /** The last offered bundle that was accepted: it is active, or waits for bundles that are missing or for a pinned revision to be released. */
  let accepted: SnapshotBundle | null = null
  let active: SnapshotBundle | null = null
  /** After a bad bundle the server is asked as if none were held, and sends a snapshot. */
  let acceptsDelta = true
  let longPolling = polling.longPollMs > 0
  let running: Promise<void> = Promise.resolve()

  /** Asks once. */
  async function step(): Promise<Outcome> {
    const base = acceptsDelta && held !== null && held.etag !== null && isShort(held) ? held : null
    const waitMs = longPolling && base !== null ? polling.longPollMs : 0
    status.set({ lastRequest: now() })
    try {
      const question = { resource, etag: base?.etag ?? null, deltas: base !== null, waitMs, maxBytes, timeoutMs, signal: stop.signal }
      const answer = await download(server, question)
      longPolling = polling.longPollMs > 0 && answer.longPolling
      status.set({ lastSuccessfulRequest: now() })
      const outcome = await accept(answer, base)
      status.recovered()
      return outcome
    } catch (error) {
      if (!stop.signal.aborted) failed(error)
      return 'failed'
    }
  }

  async function accept({ bytes, etag }: Answer, base: Fetched | null): Promise<Outcome> {
    if (held !== null && (bytes === null || isSame(held, bytes))) {
      // A bundle from the disk that did not fit the rest of the set at the start may fit now.
      if (held.bundle !== accepted) await propose({ ...held, etag })
      acceptsDelta = true
      return 'same'
    }
    acceptsDelta = false
    const notBefore = held?.bundle.signedAt ?? null
    const next = await applyUpdate(base, bytes ?? new Uint8Array(), etag, { ...reading, origin, notBefore })
    status.set({ lastSuccessfulDownload: now(), size: bytes?.length ?? 0, type: next.parts.length > 1 ? 'delta' : 'snapshot' })
    await propose(next)
    acceptsDelta = true
    return 'new'
  }

  async function propose(next: Fetched): Promise<void> {
    const before = held
    // `activated` comes before the answer.
    held = next
    const { ok, problem = '' } = await offer(name, next.bundle, origin)
    if (ok) accepted = next.bundle
    else {
      held = before
      throw new NotActivated(problem)
    }
  }

  function isShort({ parts }: Fetched): boolean {
    return parts.length < maxParts && (parts.length === 1 || parts.reduce((sum, { length }) => sum + length, 0) <= maxBytes)
  }

  function failed(error: unknown): void {
    const { problem, kind } = failureOf(error)
    const isNew = problem !== status.read().message
    status.failed(problem, error instanceof ServerError ? error.status : null)
    onFailure({ name, problem, isNew, kind })
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const askedAt = performance.now()
      const outcome = await step()
      if (outcome !== 'failed') backoff.reset()
      const delayMs = delayAfter(outcome, performance.now() - askedAt)
      await sleep(delayMs, null, { signal: stop.signal, ref: false }).catch(() => {})
    }
  }

  function delayAfter(outcome: Outcome, tookMs: number): number {
    if (outcome === 'failed') return backoff.next()
    // A server that says "nothing new" without waiting for it would be asked without end.
    if (longPolling && (outcome === 'new' || tookMs >= polling.longPollMs / 2)) return minRetryMs
    return polling.minMs + Math.random() * (polling.maxMs - polling.minMs)
  }

  return {
    name,
    async load() {
      try {
        held = await readKept(path, origin, reading)
        kept = held
      } catch (error) {
        failed(error)
      }
      return held?.bundle ?? null
    },
    start() {
      running = run()
    },
    activated(bundle) {
      status.set({ activeRevision: bundle?.revision ?? null, ...(bundle !== null && { lastSuccessfulActivation: now() }) })
      active = bundle
      if (held !== null && held.bundle === bundle) accepted = bundle
    },
    async keep() {
      if (held === null || held.bundle !== active || held.parts === kept?.parts) return
      const keeping = held
      await keepFetched(path, origin, keeping)
      kept = keeping
    },
    status: status.read,
    async close() {
      stop.abort()
      await running
    },
  }
}

/** For a server that has no ETags, or does not recognise its own. */
function isSame({ parts }: Fetched, bytes: Uint8Array): boolean {
  return parts.length === 1 && Buffer.compare(parts[0] ?? bytes, bytes) === 0 && bytes.length > 0
}
