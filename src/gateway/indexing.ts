/** Joins the process that keeps the index of the log current with its setting and the operational log. */
import type { Config } from '../config/index.ts'
import type { Indexing } from '../query/index.ts'
import type { Logger } from '../telemetry/index.ts'

/** Nothing is started, and nothing loaded, without `audit.index`. */
export async function startIndexingOf({ audit, state }: Config, logger: Logger): Promise<Indexing> {
  if (!audit.index) return { close: () => {} }
  const { startIndexing } = await import('../query/index.ts')
  return startIndexing({
    log: audit.folder,
    folder: state.auditIndex,
    onProblem: (problem) => logger.warn({ problem }, 'the index of the audit log is not kept current: each question to the log does that'),
  })
}
