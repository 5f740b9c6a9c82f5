/** A bundle from a server: asked for again and again, verified, offered, and kept for a start without the server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backoff, createBackoff, type Server, ServerError } from '../client/index.ts'
import type { SnapshotBundle } from '../format/index.ts'
import { type Courier, type CourierOptions, failureOf, NotActivated, verificationOf } from './courier.ts'
import { type Answer, download } from './download.ts'
import { type Fetched, join } from './fetched.ts'
import { createStatus, now } from './status.ts'
import { keepFetched, readKept } from './store.ts'

export interface RemoteOptions extends CourierOptions {
  readonly server: Server
  readonly timeoutMs: number
  readonly resource: string
  /** Where the last good one is kept. */
  readonly path: string
}

/** As OPA has it. */
const minRetryMs = 100
/** A chain of deltas must not grow for ever, in number or beyond what a bundle may have: then a snapshot is asked for. */
const maxParts = 64

type Outcome = 'new' | 'same' | 'failed'

export function createRemoteCourier(options: RemoteOptions): Courier {
  const { config, server, timeoutMs, resource, path, offer, onFailure, onStatus } = options
  const { name, polling, maxBytes } = config
  const origin = server.urlOf(resource)
  const reading = { verification: verificationOf(config), maxBytes }
  const status = createStatus(name, onStatus)
  const backoff: Backoff = createBackoff({ minMs: minRetryMs, maxMs: polling.maxMs })
  const stop = new AbortController()
  /** The newest good one, and the one on disk. */
  let held: Fetched | null = null
  let kept: Fetched | null = null
  /** Of what was offered, the last that was taken; it decides now, or waits for what is missing or for a chosen revision to go. */
  let taken: SnapshotBundle | null = null
  let active: SnapshotBundle | null = null
  /** After a bad one the server is asked as if nothing were held, and sends a snapshot. */
  let builds = true
  let longPolling = polling.longPollMs > 0
  let running: Promise<void> = Promise.resolve()

  /** Asks once. */
  async function step(): Promise<Outcome> {
    const base = builds && held !== null && held.etag !== null && isShort(held) ? held : null
    const waitMs = longPolling && base !== null ? polling.longPollMs : 0
    status.set({ lastRequest: now() })
    try {
      const question = { resource, etag: base?.etag ?? null, deltas: base !== null, waitMs, maxBytes, timeoutMs, signal: stop.signal }
      const answer = await download(server, question)
      longPolling = polling.longPollMs > 0 && answer.longPolling
      status.set({ lastSuccessfulRequest: now() })
      const outcome = await take(answer, base)
      status.mended()
      return outcome
    } catch (error) {
      if (!stop.signal.aborted) failed(error)
      return 'failed'
    }
  }

  async function take({ bytes, etag }: Answer, base: Fetched | null): Promise<Outcome> {
    if (held !== null && (bytes === null || isSame(held, bytes))) {
      // One from the disk, which did not go with the rest at the start, may do so now.
      if (held.bundle !== taken) await propose({ ...held, etag })
      builds = true
      return 'same'
    }
    builds = false
    const notBefore = held?.bundle.signedAt ?? null
    const next = await join(base, bytes ?? new Uint8Array(), etag, { ...reading, origin, notBefore })
    status.set({ lastSuccessfulDownload: now(), size: bytes?.length ?? 0, type: next.parts.length > 1 ? 'delta' : 'snapshot' })
    await propose(next)
    builds = true
    return 'new'
  }

  async function propose(next: Fetched): Promise<void> {
    const before = held
    // `activated` comes before the answer.
    held = next
    const { ok, problem = '' } = await offer(name, next.bundle, origin)
    if (ok) taken = next.bundle
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
      if (held !== null && held.bundle === bundle) taken = bundle
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

/** A server that knows no ETags, or forgot its own. */
function isSame({ parts }: Fetched, bytes: Uint8Array): boolean {
  return parts.length === 1 && Buffer.compare(parts[0] ?? bytes, bytes) === 0 && bytes.length > 0
}
