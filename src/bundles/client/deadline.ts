/** A bound on time that can be set again when a stage is reached. */

export interface Deadline {
  readonly signal: AbortSignal
  /** Counts from now, in place of what was set before. */
  set(ms: number): void
  clear(): void
}

export function createDeadline(ms: number): Deadline {
  const controller = new AbortController()
  const arm = (afterMs: number) => setTimeout(() => controller.abort(), afterMs)
  let timer = arm(ms)
  return {
    signal: controller.signal,
    set(afterMs) {
      clearTimeout(timer)
      timer = arm(afterMs)
    },
    clear: () => clearTimeout(timer),
  }
}
