/** A timeout that runs only while it is the other side's turn. */

export interface TurnTimer {
  /** Counts from now, in place of what was counted before. */
  start(ms: number): void
  /** Counts anew where it runs. */
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
