/** `sallyport audit continue`: closes a log that does not hold, and begins a new one beside it. */
import { continueAudit } from '../../audit/index.ts'
import type { Config } from '../../config/index.ts'
import { placeOf, verifyAudit } from '../../proof/index.ts'
import { signerOf } from '../../signing/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { findConfig } from '../find-config.ts'
import { printLine, requireLog } from './log-folder.ts'

export function addContinue(add: AddCommand): void {
  add('continue', 'Close a log that does not hold, record that, and begin a new one; the gateway must not run.')
    .requiredOption('--reason <text>', 'what has happened, for the record')
    .action(async ({ config, reason }: Shared & { reason: string }) => printLine(await auditContinue(findConfig(config), reason)))
}

/** Gives what was done. */
async function auditContinue({ audit: { folder, key } }: Config, reason: string): Promise<string> {
  const by = `uid ${process.getuid?.() ?? 'unknown'}`
  const findings = async () => {
    const verification = await verifyAudit(folder)
    return verification.findings.filter(({ isClosed }) => !isClosed).map((finding) => `${placeOf(finding)} ${finding.what}`)
  }
  const closed = await requireLog(folder, () => continueAudit(folder, { signer: signerOf(key), findings, reason, by }))
  const count = `${closed.findings.length} finding${closed.findings.length === 1 ? '' : 's'}`
  return `closed with ${count} (${closed.findings[0]}), and moved to ${closed.folder}; nothing was removed`
}
