/** `sallyport audit consistency`: proves that a log has grown out of what it was, and that nothing of that was changed. */
import { existsSync } from 'node:fs'
import { openCheckpoint, openProver, type Prover } from '../../proof/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { folderOf, keyFrom, readGiven, requireProof } from './given.ts'
import { printLine } from './log-folder.ts'

interface ConsistencyFlags extends Shared {
  readonly folder?: string
  readonly key?: string
  readonly json?: boolean
}

export function addConsistency(add: AddCommand): void {
  add('consistency <old> [new]', 'Prove that the log of a newer checkpoint begins with that of an older one; exit 1 where it does not.')
    .option('--folder <folder>', 'the log, or a copy of it; then no configuration is needed')
    .option('--key <key>', 'the verifier key of the log, or a file with it; else the one in its folder')
    .option('--json', 'print JSON')
    .action((older: string, newer: string | undefined, flags: ConsistencyFlags) => auditConsistency(older, newer, flags))
}

/** `older`, `newer`: files of checkpoints, or numbers of records; without `newer` it is the newest checkpoint. */
function auditConsistency(older: string, newer: string | undefined, { key, json = false, ...place }: ConsistencyFlags): void {
  requireProof(folderOf(place), (folder) => {
    const prover = openProver(folder, { key: key === undefined ? null : keyFrom(key) })
    try {
      const from = headFrom(prover, older)
      const to = newer === undefined ? prover.checkpoint : headFrom(prover, newer)
      const hashes = prover.consistency(from, to).map((hash) => hash.toString('base64'))
      if (json) printLine(JSON.stringify({ old: headOf(from), new: headOf(to), proof: hashes }))
      // As a witness is asked (c2sp.org/tlog-witness).
      else
        process.stdout.write(
          [`old ${from.size}`, ...hashes, '', 'note' in to ? to.note : `${to.size}\n${to.root.toString('base64')}\n`].join('\n'),
        )
    } finally {
      prover.close()
    }
  })
}

interface Head {
  readonly size: number
  readonly root: Buffer
  readonly note?: string
}

const headOf = ({ size, root }: Head) => ({ size, root: root.toString('base64') })

/** Throws `CommandError` where it is neither a file nor a number of records that the log has. */
function headFrom(prover: Prover, text: string): Head {
  if (existsSync(text)) return openCheckpoint(readGiven(text), prover.key)
  const size = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(size > 0 && size <= prover.checkpoint.size))
    throw new CommandError(
      `${text} is neither a file of a checkpoint nor a number of records from 1 to ${prover.checkpoint.size}`,
      exitCodes.usage,
    )
  return { size, root: prover.root(size) }
}
