/** What the process that watches says of its store and of what it learned, as log lines: each problem once. */
import type { Logger } from '../telemetry/index.ts'
import type { WatcherStatus } from '../watcher/index.ts'

/** Call what it returns with each status. */
export function createStoreReports(logger: Logger): (status: Pick<WatcherStatus, 'store' | 'learned'>) => void {
  let reported: string | null = null
  let unreadable = 0

  return ({ store: { problem, kept }, learned }) => {
    if (problem !== reported) {
      reported = problem
      if (problem !== null) logger.warn({ problem, kept }, 'the store of watching has a problem')
      else logger.info('the store of watching is written again')
    }
    if (learned.unreadable < unreadable) unreadable = 0
    // Of very many a line each would say no more.
    if (learned.unreadable < Math.max(1, 2 * unreadable)) return
    unreadable = learned.unreadable
    logger.warn(
      { baselines: unreadable, of: learned.restored },
      'baselines of the store cannot be read: they are damaged, or of another version of the gateway, and are learned again',
    )
  }
}
