/** The counters of one integration with one destination. They stay while requests are open: their bytes are counted in the slice in which they pass. */
import { problems, type Watched, type WatchedEnd } from '../core/index.ts'
import type { Flow } from './slice.ts'

const maxPathHashes = 32
const maxStarts = 16
const maxIds = 3

/** Of those that have none, which are most: a list each would be half of their memory. */
const noNumbers: readonly number[] = []
const noTexts: readonly string[] = []

export class FlowCounter implements Watched {
  readonly integration: string
  readonly destination: string
  readonly isDenied: boolean
  labelEntropy: number
  owner: string | null
  sentBytes = 0
  receivedBytes = 0
  /** Requests that are not settled yet. */
  open = 0
  /** Slices without anything. */
  idle = 0
  #isFirstUse: boolean
  #requests = 0
  #denied = 0
  #limited = 0
  #failed = 0
  #originErrors = 0
  #ended = 0
  #sumMs = 0
  #maxMs = 0
  #pathHashes: readonly number[] = noNumbers
  #startedAt: readonly number[] = noNumbers
  #ids: readonly string[] = noTexts
  /** Of the last slice in which requests began: they may be open still. */
  #lastIds: readonly string[] = noTexts

  constructor(
    integration: string,
    owner: string | null,
    destination: string,
    options: { entropy: number; isFirstUse: boolean; isDenied: boolean },
  ) {
    this.integration = integration
    this.owner = owner
    this.destination = destination
    this.labelEntropy = options.entropy
    this.isDenied = options.isDenied
    this.#isFirstUse = options.isFirstUse
  }

  get wantsPaths(): boolean {
    return this.#pathHashes.length < maxPathHashes
  }

  path(hash: number): void {
    if (!this.#pathHashes.includes(hash)) this.#pathHashes = added(this.#pathHashes, hash)
  }

  /** `id`: empty where it has none. */
  begun(id: string, at: number): void {
    this.#requests += 1
    if (this.#startedAt.length < maxStarts) this.#startedAt = added(this.#startedAt, at)
    if (id !== '' && this.#ids.length < maxIds) this.#ids = added(this.#ids, id)
  }

  ended({ problem, status, durationMs, isTakeover }: WatchedEnd): void {
    if (problem === null) {
      if (status >= 500) this.#originErrors += 1
      if (isTakeover) return
      this.#ended += 1
      this.#sumMs += durationMs
      if (durationMs > this.#maxMs) this.#maxMs = durationMs
      return
    }
    const { side } = problems[problem]
    if (side === 'policy') this.#denied += 1
    else if (side === 'cap') this.#limited += 1
    else if (side === 'origin') this.#failed += 1
  }

  /** What was counted since the last time, which begins anew; `null`: nothing was. */
  take(): Flow | null {
    const isIdle = this.#requests + this.#ended + this.#denied + this.#limited + this.#failed + this.#originErrors === 0
    if (isIdle && this.sentBytes === 0 && this.receivedBytes === 0) {
      this.idle += 1
      return null
    }
    if (this.#ids.length > 0) this.#lastIds = this.#ids
    const flow: Flow = {
      integration: this.integration,
      owner: this.owner,
      destination: this.destination,
      requests: this.#requests,
      denied: this.#denied,
      limited: this.#limited,
      failed: this.#failed,
      originErrors: this.#originErrors,
      sentBytes: this.sentBytes,
      receivedBytes: this.receivedBytes,
      durationMs: { count: this.#ended, sum: this.#sumMs, max: this.#maxMs },
      pathHashes: this.#pathHashes,
      startedAt: this.#startedAt,
      labelEntropy: this.labelEntropy,
      isFirstUse: this.#isFirstUse,
      ids: this.#lastIds,
    }
    this.idle = 0
    this.#isFirstUse = false
    this.#requests = this.#denied = this.#limited = this.#failed = this.#originErrors = 0
    this.sentBytes = this.receivedBytes = 0
    this.#ended = this.#sumMs = this.#maxMs = 0
    this.#pathHashes = this.#startedAt = noNumbers
    this.#ids = noTexts
    return flow
  }
}

function added<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0)
    return [item]
    // The list is its counter’s own.
  ;(list as T[]).push(item)
  return list
}
