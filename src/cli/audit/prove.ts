/** `sallyport audit prove`: files that prove single records of the log to somebody who has only its key. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProof, openProver, type Prover } from '../../proof/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { folderOf, keyFrom, requireProof } from './given.ts'
import { printLine } from './log-folder.ts'

interface ProveFlags extends Shared {
  readonly folder?: string
  readonly key?: string
  readonly archive?: string
  readonly to?: string
}

export function addProve(add: AddCommand): void {
  add('prove <record>', 'Prove that a record, by its index or a request’s id, is in the log: a file that needs nothing but the log’s key.')
    .option('--folder <folder>', 'the log, or a copy of it; then no configuration is needed')
    .option('--key <key>', 'the verifier key of the log, or a file with it; else the one in its folder')
    .option('--archive <folder>', 'where retention has moved records')
    .option('--to <folder>', 'write <index>.tlog-proof for each record of the request there; else one proof is printed')
    .action((record: string, flags: ProveFlags) => auditProve(record, flags))
}

function auditProve(record: string, { key, archive, to, ...place }: ProveFlags): void {
  requireProof(folderOf(place), (folder) => {
    const prover = openProver(folder, { key: key === undefined ? null : keyFrom(key), archive: archive ?? null })
    try {
      const proofs = indexesOf(prover, record).map((index) => prover.prove(index))
      const [first] = proofs
      if (to !== undefined) {
        mkdirSync(to, { recursive: true })
        for (const proof of proofs) {
          const file = join(to, `${proof.index}.tlog-proof`)
          writeFileSync(file, formatProof(proof))
          printLine(file)
        }
      } else if (proofs.length === 1 && first !== undefined) process.stdout.write(formatProof(first))
      else
        throw new CommandError(
          `${record} has ${proofs.length} records: ${proofs.map(({ index, record: bytes }) => `${index} (${typeOf(bytes)})`).join(', ')}. Name one by its index, or write a file for each with --to`,
          exitCodes.usage,
        )
    } finally {
      prover.close()
    }
  })
}

/** Throws `CommandError` where there is none. */
function indexesOf(prover: Prover, record: string): readonly number[] {
  const indexes = /^\d{1,15}$/.test(record) ? [Number(record)] : prover.find(record)
  if (indexes.length === 0) throw new CommandError(`no record under the checkpoint has the id ${record}`)
  return indexes
}

function typeOf(record: Buffer): string {
  return String((JSON.parse(record.toString('utf8')) as { type?: unknown }).type)
}
