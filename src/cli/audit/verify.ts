/** `sallyport audit verify`: the whole log from its files alone, also of a copy, and single proofs. */
import { InvalidArgumentError } from 'commander'
import { verifyAudit } from '../../proof/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { folderOf, keyFrom, readGiven } from './given.ts'
import { noLog, printLine, requireLog } from './log-folder.ts'
import { proofResult, proofRows, verificationRows } from './verify-rows.ts'

interface VerifyFlags extends Shared {
  readonly folder?: string
  readonly key?: string
  readonly witness: readonly string[]
  readonly checkpoint: readonly string[]
  readonly head: readonly string[]
  readonly contains: readonly string[]
  readonly archive?: string
  readonly acceptClosed?: boolean
  readonly json?: boolean
}

export function addVerify(add: AddCommand): void {
  add('verify [proofs...]', 'Verify the whole log from its files alone, or files that "audit prove" wrote; exit 1 where it does not hold.')
    .option('--folder <folder>', 'the log, or a copy of it; then no configuration is needed')
    .option('--key <key>', 'the verifier key of the log as it was noted elsewhere, or a file with it')
    .option('--witness <key>', 'the verifier key of a witness that must have cosigned, or a file with it; repeatable', repeated, [])
    .option(
      '--checkpoint <file>',
      'a checkpoint that was kept elsewhere (a file, or <size>:<root> as "sallyport status" shows them): the log must have grown out of it; repeatable',
      repeated,
      [],
    )
    .option('--archive <folder>', 'where retention has moved records: they are verified too')
    .option('--contains <hash>', 'a record with this leaf hash or SHA-256 must be in the log; repeatable', hexHash, [])
    .option('--head <hash>', 'a head that was noted before the log became a tree: it must be in the chain; repeatable', hexHash, [])
    .option('--accept-closed', 'exit 0 where nothing is wrong but what "audit continue" has recorded')
    .option('--json', 'print JSON')
    .action(async (proofs: readonly string[], flags: VerifyFlags) => {
      if (!(proofs.length > 0 ? verifyProofs(proofs, flags) : await auditVerify(flags))) process.exitCode = exitCodes.failure
    })
}

/** `false`: it does not hold. */
async function auditVerify({ json = false, acceptClosed = false, ...flags }: VerifyFlags): Promise<boolean> {
  const folder = folderOf(flags)
  const options = {
    key: flags.key === undefined ? null : keyFrom(flags.key),
    witnesses: flags.witness.map(keyFrom),
    checkpoints: flags.checkpoint.map(checkpointFrom),
    heads: flags.head,
    contains: flags.contains,
    archive: flags.archive ?? null,
  }
  const result = await requireLog(folder, async () => {
    const found = await verifyAudit(folder, options)
    if (found.segments === 0 && found.records === 0 && found.findings.length === 0 && found.signed === null) throw noLog(folder)
    return found
  })
  const holds = result.findings.every(({ isClosed }) => acceptClosed && isClosed)
  if (json) printLine(JSON.stringify(result))
  else for (const text of verificationRows(result, holds)) printLine(text)
  return holds
}

/** Of files that need no log beside them. `false`: one does not hold. */
function verifyProofs(files: readonly string[], { key, witness, json = false }: VerifyFlags): boolean {
  if (key === undefined)
    throw new CommandError('a proof is verified by the key of the log, as it was noted elsewhere: give --key', exitCodes.usage)
  const [by, witnesses] = [keyFrom(key), witness.map(keyFrom)]
  let isGood = true
  for (const file of files) {
    const result = proofResult(readGiven(file), by, witnesses)
    isGood &&= result.ok
    if (json) printLine(JSON.stringify({ file, ...result }))
    else for (const row of proofRows(file, result)) printLine(row)
  }
  return isGood
}

function checkpointFrom(text: string) {
  const [, size, root = ''] = /^(\d{1,15}):([A-Za-z0-9+/]{43}=)$/.exec(text) ?? []
  return size === undefined ? { name: text, bytes: readGiven(text) } : { name: text, size: Number(size), root: Buffer.from(root, 'base64') }
}

function repeated(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

function hexHash(text: string, before: readonly string[]): readonly string[] {
  if (/^[0-9a-f]{64}$/i.test(text)) return [...before, text.toLowerCase()]
  throw new InvalidArgumentError('it is a SHA-256 in 64 hexadecimal digits')
}
