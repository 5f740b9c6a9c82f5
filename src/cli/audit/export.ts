/** `sallyport audit export`: a copy of the log as it is signed now, for an auditor or any client of such logs. */
import { existsSync } from 'node:fs'
import { exportLog } from '../../proof/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { folderOf, keyFrom, requireProof } from './given.ts'
import { printLine } from './log-folder.ts'

interface ExportFlags extends Shared {
  readonly folder?: string
  readonly key?: string
  readonly archive?: string
}

export function addExport(add: AddCommand): void {
  add('export <to>', 'Write a copy of the log as it is signed now into a new folder, in tiles and bundles alone (C2SP tlog-tiles).')
    .option('--folder <folder>', 'the log, or a copy of it; then no configuration is needed')
    .option('--key <key>', 'the verifier key of the log, or a file with it; else the one in its folder')
    .option('--archive <folder>', 'where retention has moved records: they come into the copy too')
    .action((to: string, { key, archive, ...place }: ExportFlags) =>
      requireProof(folderOf(place), (folder) => {
        if (existsSync(to)) throw new CommandError(`${to} is there already: name a folder that is not`)
        const { origin, size, missing } = exportLog(folder, to, { key: key === undefined ? null : keyFrom(key), archive: archive ?? null })
        const without = missing > 0 ? `; ${missing} of them are no longer in it, their hashes are` : ''
        printLine(`${size} records of ${origin}${without}`)
      }),
    )
}
