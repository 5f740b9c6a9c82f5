/** One circuit breaker: outcomes in a sliding window, and whether the next request may go. Time is told to it; it has no timer. */
import type { BreakerReport, BreakerSettings } from '../core/index.ts'

/** How one request to the destination ended, as a breaker sees it. */
export type Verdict =
  | 'answered'
  | 'failed'
  /** The caller left while nothing had come for so long that it says something of the destination. */
  | 'abandoned'
  /** It says nothing of the destination. */
  | 'neutral'

/** What a request that was let through gives back when it ends. */
export interface Pass {
  /** Outcomes of an earlier state say nothing of the present one. */
  readonly epoch: number
  readonly isTrial: boolean
}

const slots = 10

interface Slot {
  /** Which stretch of time it counts; another's counts are left over and worth nothing. */
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

  /** Half-open from the moment at which a trial would be let through: rules that deny while it is open would else keep it so. */
  state(nowMs: number): BreakerReport['state'] {
    return this.#state === 'open' && this.#restMs(nowMs) <= 0 ? 'half-open' : this.#state
  }

  /** A pass; or, where it gives the destination a rest, the milliseconds after which another look is worth while. */
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

  leave({ epoch, isTrial }: Pass, verdict: Verdict, nowMs: number): void {
    if (epoch !== this.#epoch) return
    if (isTrial) {
      this.#isTrying = false
      if (verdict === 'answered') this.#turn('closed')
      // A trial that says nothing is followed by another.
      else if (verdict !== 'neutral') this.#open(nowMs)
      return
    }
    if (verdict === 'neutral') return
    this.#slotAt(nowMs)[verdict] += 1
    if (verdict !== 'answered' && this.#hasFailed(nowMs)) this.#open(nowMs)
  }

  /** Its head was an answer, and then the destination broke off. */
  brokeOff({ epoch }: Pass, nowMs: number): void {
    // The trial that closed it is judged with what came after.
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
    // One answer shows that it can: callers who leave may be impatient, or have asked for what takes long.
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

/** While a trial is out: nobody knows how long it takes. */
const trialMs = 1000
