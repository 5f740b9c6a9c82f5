/** A token bucket as GCRA (ATM Forum TM 4.0 §4.4.2): one number of state, the theoretical arrival time. */
import type { BucketSettings } from '../core/index.ts'

/**
 * Times are in milliseconds of one monotonic clock. The bucket is full where `tat <= now`; each token moves `tat`
 * on by `1000 / rate`; it is empty where `tat - now` reaches `burst` tokens, and in debt beyond.
 */
export class Bucket {
  #msPerToken: number
  #burst: number
  #tat: number
  #latest: number
  /** The farthest that `tat` was ahead since the last `lowest`. */
  #farthestMs = 0

  constructor({ rate, burst }: BucketSettings, nowMs: number) {
    this.#msPerToken = 1000 / rate
    this.#burst = burst
    this.#tat = nowMs
    this.#latest = nowMs
  }

  /** Tokens in the bucket; negative in debt. */
  level(nowMs: number): number {
    return this.#burst - Math.max(0, this.#tat - this.#clock(nowMs)) / this.#msPerToken
  }

  /** The lowest level since the last time this was asked, or since a change of its settings. */
  lowest(nowMs: number): number {
    const lowest = Math.min(this.level(nowMs), this.#burst - this.#farthestMs / this.#msPerToken)
    this.#farthestMs = 0
    return lowest
  }

  /** Whether `tokens` would fit now; nothing is taken. Zero fits unless the bucket is in debt. */
  fits(tokens: number, nowMs: number): boolean {
    return this.level(nowMs) - tokens >= -1e-9
  }

  /** Takes `tokens` whatever the level; a negative number gives tokens back, up to a full bucket. `lateMs`: refill of that time which a full bucket could not hold is not lost. */
  take(tokens: number, nowMs: number, lateMs = 0): void {
    if (!Number.isFinite(tokens)) return
    const now = this.#clock(nowMs) - lateMs
    this.#tat = Math.max(now, Math.max(this.#tat, now) + tokens * this.#msPerToken)
    const aheadMs = this.#tat - this.#latest
    if (aheadMs > this.#farthestMs) this.#farthestMs = aheadMs
  }

  /** Takes one token and answers 0; or takes nothing, and answers the milliseconds until there is one. */
  takeOne(nowMs: number): number {
    if (!this.fits(1, nowMs)) return Math.max(1, this.waitMs(1, nowMs) ?? 1000)
    this.take(1, nowMs)
    return 0
  }

  /** Milliseconds until `tokens` fit; `null` where they never will. */
  waitMs(tokens: number, nowMs: number): number | null {
    if (tokens > this.#burst) return null
    return Math.max(0, (tokens - this.level(nowMs)) * this.#msPerToken)
  }

  /** Takes new settings; tokens that were used up stay used up. A smaller burst makes no debt, and no change forgives one. */
  reconfigure({ rate, burst }: BucketSettings, nowMs: number): void {
    const level = this.level(nowMs)
    const used = level < 0 ? burst - level : Math.min(this.#burst - level, burst)
    this.#msPerToken = 1000 / rate
    this.#burst = burst
    this.#tat = this.#clock(nowMs) + used * this.#msPerToken
    this.#farthestMs = 0
  }

  /** A clock that steps back must not give tokens twice. */
  #clock(nowMs: number): number {
    if (nowMs > this.#latest) this.#latest = nowMs
    return this.#latest
  }
}
