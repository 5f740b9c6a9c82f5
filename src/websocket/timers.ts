/** The clocks of a WebSocket: until it opens, while nothing moves on it, and over all of it. */
import { BrokenOff, closeWaitMs, type ProblemCode, Refusal, type Timeouts } from '../core/index.ts'
import { firstByteLate } from '../egress/index.ts'
import { FrameFault } from './close.ts'

export interface TimerOptions {
  readonly destination: string
  /** Until the destination has answered. */
  readonly timeoutMs: number
  readonly timeouts: Timeouts
  /** Where `timeouts` says nothing of it. */
  readonly idleTimeoutMs: number
  /** Called at most once: a `Refusal` before it is open. */
  readonly onTime: (error: Error) => void
}

export class UpgradeTimers {
  readonly #options: TimerOptions
  readonly #total: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout
  #firstByte: NodeJS.Timeout | undefined
  #isOpen = false
  #hasEnded = false
  #isOver = false

  constructor(options: TimerOptions) {
    this.#options = options
    const { destination, timeoutMs, timeouts } = options
    const late = `${destination} did not open the WebSocket within ${timeoutMs} ms`
    this.#timer = setTimeout(() => this.#end(new Refusal('origin-timeout', late)), timeoutMs)
    const { totalMs } = timeouts
    if (totalMs !== undefined) this.#total = setTimeout(() => this.#end(this.#endOfTime(totalMs)), totalMs)
  }

  /** The handshake has its connection. */
  connected(): void {
    const { destination, timeouts } = this.#options
    if (this.#isOver || this.#isOpen || timeouts.firstByteMs === undefined) return
    this.#firstByte = setTimeout(() => this.#end(firstByteLate(destination, timeouts.firstByteMs)), timeouts.firstByteMs)
  }

  /** `isSlowed`: whether the gateway itself keeps bytes from passing. */
  opened(isSlowed: () => boolean): void {
    this.#isOpen = true
    clearTimeout(this.#timer)
    clearTimeout(this.#firstByte)
    const { timeouts, idleTimeoutMs } = this.#options
    const { idleMs = idleTimeoutMs } = timeouts
    const error = closing(timeouts.idleMs === undefined ? null : 'origin-idle-timeout', `nothing moved for ${idleMs} ms`)
    this.#timer = setTimeout(() => (isSlowed() ? this.moved() : this.#end(error)), idleMs)
  }

  moved(): void {
    if (!this.#isOver && !this.#hasEnded) this.#timer.refresh()
  }

  /** The destination has closed, and the caller has heard all. `close`: called if it does not close by itself. */
  ended(close: () => void): void {
    if (this.#isOver) return
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(close, closeWaitMs)
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#firstByte)
    clearTimeout(this.#total)
  }

  #end(error: Error): void {
    this.stop()
    this.#options.onTime(error)
  }

  #endOfTime(totalMs: number): Error {
    const why = `the exchange as a whole took more than ${totalMs} ms`
    return this.#isOpen ? closing('total-timeout', why) : new Refusal('total-timeout', why)
  }
}

/** 1001: the gateway leaves, and no end broke a rule. */
function closing(problem: ProblemCode | null, why: string): Error {
  const fault = new FrameFault(1001, why)
  return problem === null ? fault : new BrokenOff(problem, why, { cause: fault })
}
