/** `sallyport audit archive`: moves the oldest records to `audit.archive`, asked of the running gateway. */
import { ask } from '../admin-client.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'

interface ArchiveFlags extends Shared {
  readonly below?: string
  readonly before?: string
}

export function addArchive(add: AddCommand, print: (text: string) => void): void {
  add('archive', 'Move the oldest records to audit.archive, in whole bundles of 256; hashes stay, and a record says so.')
    .option('--below <index>', 'records before this one')
    .option('--before <time>', 'records that were written before: "2026-01-31", "2026-01-31T00:00:00Z"')
    .action(async ({ config, ...given }: ArchiveFlags) => {
      if (Object.keys(given).length !== 1) throw new CommandError('name one end: --below INDEX or --before TIME', exitCodes.usage)
      const body = await ask(findConfig(config), 'POST', `/v1/audit/archive?${new URLSearchParams({ ...given })}`, { isSlow: true })
      const { ok, problem = '', records = 0, to = '' } = body as { ok: boolean; problem?: string; records?: number; to?: string }
      if (!ok) throw new CommandError(problem)
      print(records === 0 ? 'nothing to archive: no whole bundle ends before that\n' : `archived: ${records} records, in ${to}\n`)
    })
}
