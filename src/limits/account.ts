/** One integration's buckets and open requests, and what was taken from them. */
import { type BucketName, type BucketReport, type JsonObject, type LimitSettings, type LowestLevels, Refusal } from '../core/index.ts'
import { Bucket } from './gcra.ts'

/** The buckets that are refilled; concurrency is counted. */
const flowing = ['arrivals', 'requests', 'bytesOut', 'bytesIn'] as const
type Flowing = (typeof flowing)[number]
/** The buckets that slow bytes which are under way. */
export type BytesBucket = 'bytesOut' | 'bytesIn'

/** A part of a slowed chunk: its bytes are taken from the bucket, and may pass after `waitMs`. */
export interface Slice {
  readonly bytes: number
  readonly waitMs: number
}

/** A slice is what the bucket regains in this time: smooth for the caller, with few timers. */
const sliceMs = 50
/** Exchanges take turns, one slice each. A slice is no longer than a TLS record, or exchanges over TLS would get less than others. */
const maxSliceBytes = 16 * 1024
/** How late a timer may be without loss, even where the bucket holds less than it regains in this time. */
const lateMs = 20

interface Tally {
  consumed: number
  allowed: number
  limited: number
}

export class Account {
  #settings: LimitSettings
  readonly #buckets: Readonly<Record<Flowing, Bucket>>
  readonly #tallies: Readonly<Record<BucketName, Tally>>
  readonly #ahead: Record<BytesBucket, number> = { bytesOut: 0, bytesIn: 0 }
  #open = 0
  /** Since the last `lowest`. */
  #mostOpen = 0

  constructor(settings: LimitSettings, nowMs: number) {
    this.#settings = settings
    this.#buckets = {
      arrivals: new Bucket(settings.arrivals, nowMs),
      requests: new Bucket(settings.requests, nowMs),
      bytesOut: new Bucket(settings.bytesOut, nowMs),
      bytesIn: new Bucket(settings.bytesIn, nowMs),
    }
    this.#tallies = { arrivals: tally(), requests: tally(), bytesOut: tally(), bytesIn: tally(), concurrency: tally() }
  }

  /** Takes one token: 0, or the milliseconds until there is one. */
  arrive(nowMs: number): number {
    const waitMs = this.#buckets.arrivals.takeOne(nowMs)
    if (waitMs === 0) {
      this.#tallies.arrivals.consumed += 1
      this.#tallies.arrivals.allowed += 1
    } else this.#tallies.arrivals.limited += 1
    return waitMs
  }

  /**
   * Takes all that one request of `declaredBytes` needs, or throws a `Refusal` and takes nothing. Returns how many of the declared
   * bytes are paid for: all; or none, where the bucket slows other requests already, and is to slow this one with them.
   */
  admit(declaredBytes: number, nowMs: number): number {
    const { requests, bytesOut, bytesIn } = this.#buckets
    if (this.#open >= this.#settings.concurrency) throw this.#refuse('concurrency', null)
    if (!requests.fits(1, nowMs)) throw this.#refuse('requests', requests.waitMs(1, nowMs))
    // Bytes of slices that still wait are taken ahead. They are not a debt, which would refuse all others while one exchange lasts.
    const { bytesOut: outAhead, bytesIn: inAhead } = this.#ahead
    if (declaredBytes > this.#settings.bytesOut.burst) throw this.#refuse('bytesOut', null)
    const paidBytes = outAhead > 0 && !bytesOut.fits(declaredBytes - outAhead, nowMs) ? 0 : declaredBytes
    if (!bytesOut.fits(paidBytes - outAhead, nowMs)) throw this.#refuse('bytesOut', bytesOut.waitMs(paidBytes - outAhead, nowMs))
    if (!bytesIn.fits(-inAhead, nowMs)) throw this.#refuse('bytesIn', bytesIn.waitMs(-inAhead, nowMs))
    this.#open += 1
    if (this.#open > this.#mostOpen) this.#mostOpen = this.#open
    this.#tallies.concurrency.allowed += 1
    this.#tallies.concurrency.consumed += 1
    this.#tallies.requests.allowed += 1
    this.#tallies.bytesOut.allowed += 1
    this.#tallies.bytesIn.allowed += 1
    this.charge('requests', 1, nowMs)
    if (paidBytes > 0) this.charge('bytesOut', paidBytes, nowMs)
    return paidBytes
  }

  /** Takes the bytes if there is room for all of them. */
  pass(bucket: BytesBucket, bytes: number, nowMs: number): boolean {
    if (!this.#buckets[bucket].fits(bytes, nowMs)) return false
    this.charge(bucket, bytes, nowMs)
    return true
  }

  /** Takes the next part of the bytes: as many as there is room for, or one slice, which counts as taken ahead until `passed` is called. */
  takeSlice(bucket: BytesBucket, bytes: number, nowMs: number): Slice {
    const { rate } = this.#settings[bucket]
    const room = Math.floor(this.#buckets[bucket].level(nowMs))
    const slice = Math.min(bytes, Math.max(1, room, Math.min(maxSliceBytes, Math.floor((rate * sliceMs) / 1000))))
    this.#buckets[bucket].take(slice, nowMs, lateMs)
    this.#tallies[bucket].consumed += slice
    this.#ahead[bucket] += slice
    return { bytes: slice, waitMs: this.#buckets[bucket].waitMs(0, nowMs) ?? 0 }
  }

  /** `isGivenBack`: the slice did not pass, and never will. */
  passed(bucket: BytesBucket, { bytes }: Slice, nowMs: number, isGivenBack: boolean): void {
    this.#ahead[bucket] -= bytes
    if (isGivenBack) this.charge(bucket, -bytes, nowMs)
  }

  /** A negative amount gives tokens back. */
  charge(bucket: Flowing, tokens: number, nowMs: number): void {
    this.#buckets[bucket].take(tokens, nowMs)
    this.#tallies[bucket].consumed += tokens
  }

  leave(): void {
    this.#open -= 1
  }

  get open(): number {
    return this.#open
  }

  /** Whether anything was asked of it since the start. */
  get isUsed(): boolean {
    const { arrivals, requests } = this.#tallies
    return arrivals.allowed + arrivals.limited + requests.allowed + requests.limited > 0
  }

  reconfigure(settings: LimitSettings, nowMs: number): void {
    for (const name of flowing) {
      const { rate, burst } = this.#settings[name]
      if (settings[name].rate !== rate || settings[name].burst !== burst) this.#buckets[name].reconfigure(settings[name], nowMs)
    }
    this.#settings = settings
  }

  /** Takes from each bucket what is in it beyond this share of what it holds. */
  keepShare(share: number, nowMs: number): void {
    for (const name of flowing) {
      const bucket = this.#buckets[name]
      bucket.take(Math.max(0, bucket.level(nowMs) - this.#settings[name].burst * share), nowMs)
    }
  }

  report(nowMs: number): readonly BucketReport[] {
    const { concurrency } = this.#settings
    return [
      ...flowing.map((bucket) => ({
        bucket,
        capacity: this.#settings[bucket].burst,
        refillPerSecond: this.#settings[bucket].rate,
        level: this.#buckets[bucket].level(nowMs),
        ...this.#tallies[bucket],
      })),
      { bucket: 'concurrency', capacity: concurrency, refillPerSecond: 0, level: concurrency - this.#open, ...this.#tallies.concurrency },
    ]
  }

  /** Of each bucket since the last time this was asked. */
  lowest(nowMs: number): LowestLevels {
    const { concurrency } = this.#settings
    const left = (bucket: Flowing) => this.#buckets[bucket].lowest(nowMs) / this.#settings[bucket].burst
    const mostOpen = Math.max(this.#open, this.#mostOpen)
    this.#mostOpen = this.#open
    return {
      ...{ arrivals: left('arrivals'), requests: left('requests'), bytesOut: left('bytesOut'), bytesIn: left('bytesIn') },
      concurrency: (concurrency - mostOpen) / concurrency,
    }
  }

  /** RateLimit fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10), and which policy was violated. */
  #refuse(bucket: Exclude<BucketName, 'arrivals'>, waitMs: number | null): Refusal {
    this.#tallies[bucket].limited += 1
    if (bucket === 'concurrency') {
      const { concurrency } = this.#settings
      return Refusal.retryLater('concurrency-exceeded', `${concurrency} requests are open already`, 1000, {
        'violated-policies': [bucket],
        capacity: concurrency,
      })
    }
    const { rate, burst } = this.#settings[bucket]
    const seconds = waitMs === null ? null : Math.max(1, Math.ceil(waitMs / 1000))
    const detail =
      waitMs === null
        ? `this needs more than the ${bucket} bucket ever holds (${burst})`
        : `the ${bucket} bucket is empty; try again in ${seconds} s`
    const members: JsonObject = { 'violated-policies': [bucket], capacity: burst, refillPerSecond: rate }
    const refusal = Refusal.retryLater('quota-exceeded', detail, waitMs, members)
    const window = Math.max(1, Math.round(burst / rate))
    return new Refusal(refusal.code, refusal.message, {
      headers: [
        ...refusal.headers,
        'ratelimit-policy',
        `"${bucket}";q=${Math.floor(burst)};w=${window}`,
        'ratelimit',
        `"${bucket}";r=0${seconds === null ? '' : `;t=${seconds}`}`,
      ],
      members,
    })
  }
}

function tally(): Tally {
  return { consumed: 0, allowed: 0, limited: 0 }
}
