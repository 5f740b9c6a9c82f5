/** A timeout that runs only while the other side is expected to act. */

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
