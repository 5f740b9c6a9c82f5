/** Keeps usage over restarts: from time to time and at the end, never on a request's path. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { UsageStation } from './usage.ts'
import { readKept, writeKept } from './usage-file.ts'

export interface UsageKeeperOptions {
  readonly usage: Pick<UsageStation, 'totals' | 'restore' | 'settledCount'>
  /** Of its own, which it makes. */
  readonly folder: string
  /** What was kept cannot be used, or nothing can be kept: reported once, until it works again. No request is affected. */
  readonly onProblem: (problem: string) => void
  readonly everyMs?: number
}

export interface UsageKeeper {
  /** Before anything is counted. Never rejects. */
  restore(): Promise<void>
  /** Now, where anything was counted since the last time. Never rejects. */
  keep(): Promise<void>
  /** From now on, every so often. */
  start(): void
  /** Once more, and no more. Never rejects. */
  close(): Promise<void>
}

/** What a SIGKILL may lose (docs/reference/commands.md). */
const defaultEveryMs = 10_000

export function createUsageKeeper({ usage, folder, onProblem, everyMs = defaultEveryMs }: UsageKeeperOptions): UsageKeeper {
  let keptCount = 0
  let isFailing = false
  let timer: NodeJS.Timeout | undefined
  /** One after the other. */
  let writing: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    const { settledCount } = usage
    if (settledCount === keptCount) return
    try {
      await writeKept(folder, usage.totals(), () => nextTurn())
      keptCount = settledCount
      isFailing = false
    } catch (error) {
      if (!isFailing) onProblem(`usage cannot be kept in ${folder}, and would not outlive a restart: ${(error as Error).message}`)
      isFailing = true
    }
  }

  function keep(): Promise<void> {
    writing = writing.then(write)
    return writing
  }

  return {
    async restore() {
      try {
        usage.restore(await readKept(folder, onProblem))
      } catch (error) {
        onProblem(`what is kept of usage cannot be read, and usage is counted from zero: ${(error as Error).message}`)
      }
    },
    keep,
    start() {
      timer ??= setInterval(() => void keep(), everyMs).unref()
    },
    close() {
      clearInterval(timer)
      return keep()
    },
  }
}
