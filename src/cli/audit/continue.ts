/** `sallyport audit continue`: closes a log whose chain is broken, and begins a new part behind it. */
import { continueAudit } from '../../audit/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { findConfig } from '../find-config.ts'
import { printLine, requireLog } from './log-folder.ts'

export function addContinue(add: AddCommand): void {
  add('continue', 'Close a log whose chain is broken, record that, and begin a new part behind it; the gateway must not run.')
    .requiredOption('--reason <text>', 'what has happened, for the record')
    .action(async ({ config, reason }: Shared & { reason: string }) =>
      printLine(await auditContinue(findConfig(config).audit.folder, reason)),
    )
}

/** Gives what was done. */
async function auditContinue(folder: string, reason: string): Promise<string> {
  const by = `uid ${process.getuid?.() ?? 'unknown'}`
  const { file, findings, firstFinding } = await requireLog(folder, () => continueAudit(folder, { reason, by }))
  return `closed with ${findings} finding${findings === 1 ? '' : 's'} (${firstFinding}), and continued in ${file}; nothing was removed`
}
