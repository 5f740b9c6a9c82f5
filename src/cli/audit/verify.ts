/** `sallyport audit verify`: the whole log, from its files alone. */
import { InvalidArgumentError } from 'commander'
import { type Verification, verifyAudit } from '../../proof/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { noLog, printLine, requireLog } from './log-folder.ts'

interface VerifyFlags {
  readonly json?: boolean
  /** Heads that were noted elsewhere. */
  readonly head: readonly string[]
  /** What "audit continue" has recorded is not a failure. */
  readonly acceptClosed?: boolean
}

export function addVerify(add: AddCommand): void {
  add('verify', 'Verify the whole log from its files alone; exit 1 where it does not hold.')
    .option('--json', 'print JSON')
    .option('--head <hash>', 'a head that was noted: it must be in the log; can be given more than once', notedHead, [])
    .option('--accept-closed', 'exit 0 where nothing is wrong but what "audit continue" has recorded')
    .action(async ({ config, ...flags }: Shared & VerifyFlags) => {
      if (!(await auditVerify(findConfig(config).audit.folder, flags))) process.exitCode = exitCodes.failure
    })
}

/** `false`: it does not hold. */
async function auditVerify(folder: string, { json = false, head: noted, acceptClosed = false }: VerifyFlags): Promise<boolean> {
  const result = await requireLog(folder, async () => {
    const found = await verifyAudit(folder, noted)
    if (found.segments === 0) throw noLog(folder)
    return found
  })
  const holds = result.findings.every(({ isClosed }) => acceptClosed && isClosed)
  if (json) printLine(JSON.stringify(result))
  else for (const text of verificationRows(result, holds)) printLine(text)
  return holds
}

function* verificationRows({ records, segments, head, unsettled, findings, noted }: Verification, holds: boolean): Generator<string> {
  const open = unsettled > 0 ? `; ${unsettled} not settled (under way, or cut off by a crash)` : ''
  if (findings.length === 0) yield `OK: ${records} records in ${segments} segment${segments === 1 ? '' : 's'}, the chain holds${open}`
  else if (holds) yield `OK: ${records} records, the chain holds since the log was last closed; what was found before:`
  else yield `BROKEN: ${findings.length} finding${findings.length === 1 ? '' : 's'} in ${records} records`
  for (const { file, line, what, isClosed } of findings)
    yield `  ${file}:${line}: ${what}${isClosed ? ' (closed by "audit continue")' : ''}`
  for (const { head: hash, file, line } of noted) if (file !== null) yield `noted ${hash} is ${file}:${line}`
  yield `head ${head}`
}

function notedHead(text: string, before: readonly string[]): readonly string[] {
  if (/^[0-9a-f]{64}$/i.test(text)) return [...before, text.toLowerCase()]
  throw new InvalidArgumentError('it is the 64 hexadecimal digits that "audit verify" prints')
}
