/** Timeouts that run only while the other side is expected to act. */
import { Refusal } from '../../core/index.ts'
import { firstByteLate } from '../../egress/index.ts'
import type { HeadDeadline } from '../deadlines.ts'

export interface TurnTimer {
  /** Starts from now, replacing an earlier start. */
  start(ms: number): void
  /** Restarts it if it runs. */
  touch(): void
  stop(): void
}

export function createTurnTimer(onLate: (ms: number) => void): TurnTimer {
  let timer: NodeJS.Timeout | null = null
  const stop = () => {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }
  return {
    start(ms) {
      stop()
      timer = setTimeout(onLate, ms, ms)
    },
    touch: () => void timer?.refresh(),
    stop,
  }
}

export interface HeadTimersOptions {
  /** For messages. */
  readonly host: string
  readonly head: HeadDeadline
  readonly firstByteMs: number | undefined
  /** The caller sends its body bit by bit: each step of the origin then has the whole time. */
  readonly isStreamed: boolean
}

/** The timers of one request until the head of its reply. */
export interface HeadTimers {
  /** `isConnected`: the request has its connection. */
  start(isConnected: boolean): void
  stop(): void
}

export function createHeadTimers(options: HeadTimersOptions, fail: (refusal: Refusal) => void): HeadTimers {
  const { host, head, firstByteMs, isStreamed } = options
  const whole = createTurnTimer(() => fail(new Refusal('origin-timeout', `${host} did not answer within ${head.timeoutMs} ms`)))
  const firstByte = createTurnTimer(() => fail(firstByteLate(host, firstByteMs)))
  return {
    start(isConnected) {
      whole.start(isConnected && isStreamed ? head.timeoutMs : head.leftMs())
      if (isConnected && firstByteMs !== undefined) firstByte.start(firstByteMs)
    },
    stop() {
      whole.stop()
      firstByte.stop()
    },
  }
}
