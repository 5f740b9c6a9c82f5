/** One circuit breaker: results in a sliding window, and whether the next request may pass. Callers say what time it is; it has no timer. */
import type { BreakerReport, BreakerSettings } from '../core/index.ts'

/** How one request to the destination ended, as a breaker sees it. */
export type Result =
  | 'answered'
  | 'failed'
  /** The caller left after it had waited so long for an answer that this counts against the destination. */
  | 'abandoned'
  /** It says nothing about the destination. */
  | 'neutral'

/** Given to a request that passes, and handed back when it ends. */
export interface Pass {
  /** Results of requests that passed in an earlier state do not count in a later one. */
  readonly epoch: number
  readonly isTrial: boolean
}

const slots = 10

interface Slot {
  /** The stretch of time that it counts. Counts of another stretch are old and void. */
  period: number
  answered: number
  failed: number
  abandoned: number
}

export class Breaker {
  readonly #settings: BreakerSettings
  readonly #onChange: (state: BreakerReport['state']) => void
  readonly #slots: Slot[] = Array.from({ length: slots }, () => ({ period: -1, answered: 0, failed: 0, abandoned: 0 }))
  #state: BreakerReport['state'] = 'closed'
  #epoch = 0
  #openedAtMs = 0
  #isTrying = false

  constructor(settings: BreakerSettings, onChange: (state: BreakerReport['state']) => void) {
    this.#settings = settings
    this.#onChange = onChange
  }

  /** Half-open as soon as a trial would pass: otherwise rules that deny while it is open would keep it open. */
  state(nowMs: number): BreakerReport['state'] {
    return this.#state === 'open' && this.#restMs(nowMs) <= 0 ? 'half-open' : this.#state
  }

  /** A pass; or, while it is open, the milliseconds after which a caller may try again. */
  enter(nowMs: number): Pass | number {
    if (this.#state === 'closed') return { epoch: this.#epoch, isTrial: false }
    if (this.#state === 'open') {
      const restMs = this.#restMs(nowMs)
      if (restMs > 0) return restMs
      this.#turn('half-open')
    }
    if (this.#isTrying) return trialMs
    this.#isTrying = true
    return { epoch: this.#epoch, isTrial: true }
  }

  leave({ epoch, isTrial }: Pass, result: Result, nowMs: number): void {
    if (epoch !== this.#epoch) return
    if (isTrial) {
      this.#isTrying = false
      if (result === 'answered') this.#turn('closed')
      // After a neutral trial another one follows.
      else if (result !== 'neutral') this.#open(nowMs)
      return
    }
    if (result === 'neutral') return
    this.#slotAt(nowMs)[result] += 1
    if (result !== 'answered' && this.#hasFailed(nowMs)) this.#open(nowMs)
  }

  /** The destination broke off after the head of its reply had counted as an answer. */
  brokeOff({ epoch }: Pass, nowMs: number): void {
    // The trial that closed the breaker counts in the state that followed.
    if (this.#state !== 'closed' || epoch < this.#epoch - 1) return
    const current = this.#period(nowMs)
    const answered = this.#slots.find((slot) => slot.answered > 0 && slot.period > current - slots)
    if (answered !== undefined) answered.answered -= 1
    this.#slotAt(nowMs).failed += 1
    if (this.#hasFailed(nowMs)) this.#open(nowMs)
  }

  #hasFailed(nowMs: number): boolean {
    const oldest = this.#period(nowMs) - slots
    let answered = 0
    let failed = 0
    let abandoned = 0
    for (const slot of this.#slots) {
      if (slot.period <= oldest) continue
      answered += slot.answered
      failed += slot.failed
      abandoned += slot.abandoned
    }
    // One answer shows that the destination works: callers that left may be impatient, or have asked for something that takes long.
    if (answered === 0) failed += abandoned
    const all = answered + failed
    return all >= this.#settings.minimumRequests && failed * 100 >= this.#settings.errorThresholdPercent * all
  }

  #restMs(nowMs: number): number {
    return this.#openedAtMs + this.#settings.resetMs - nowMs
  }

  #open(nowMs: number): void {
    this.#openedAtMs = nowMs
    this.#turn('open')
  }

  #turn(state: BreakerReport['state']): void {
    this.#state = state
    this.#epoch += 1
    this.#isTrying = false
    if (state === 'closed') for (const slot of this.#slots) slot.period = -1
    this.#onChange(state)
  }

  #period(nowMs: number): number {
    return Math.floor((nowMs * slots) / this.#settings.windowMs)
  }

  #slotAt(nowMs: number): Slot {
    const period = this.#period(nowMs)
    const slot = this.#slots[period % slots] as Slot
    if (slot.period !== period) {
      slot.period = period
      slot.answered = 0
      slot.failed = 0
      slot.abandoned = 0
    }
    return slot
  }
}

/** While a trial is under way, since it is not known how long that takes. */
const trialMs = 1000
