/** The log that a command asks, and its index: brought up to date, with what a longer build says meanwhile. */
import { setPriority } from 'node:os'
import { FilterError, type LogIndex, openIndex, placeIndex } from '../../query/index.ts'
import { visibleText } from '../../text/index.ts'
import type { Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { requireLog } from './log-folder.ts'

export interface LogFlags extends Shared {
  /** A copy of a log; no configuration is needed. */
  readonly folder?: string
}

export const folderOption = ['--folder <folder>', 'a copy of a log; no configuration is needed'] as const

const progressEveryMs = 2000
/** Of a long build: it gives way to a gateway on this machine. */
const lowPriority = 10

/** `ask` is given the index, which knows all that the log has now. */
export async function withIndex<T>({ config, folder }: LogFlags, ask: (index: LogIndex) => Promise<T>): Promise<T> {
  const { audit, state } = folder === undefined ? findConfig(config) : { audit: { folder }, state: null }
  return requireLog(audit.folder, async () => {
    const place = placeIndex(audit.folder, state?.auditIndex ?? null)
    if (place.isTemporary) note('there is no place to keep an index of the log: it is built for this question alone')
    try {
      const index = openIndex({ log: audit.folder, folder: place.folder, onNotice: note, onProgress: progress() })
      try {
        await index.catchUp()
        if (index.records() === 0) throw Object.assign(new Error('no record'), { code: 'ENOENT', path: audit.folder })
        return await ask(index)
      } finally {
        index.close()
      }
    } catch (error) {
      throw explained(error, place.folder)
    } finally {
      place.remove()
    }
  })
}

function progress(): (records: number, added: number) => void {
  let saidAt = Date.now()
  return (_records, added) => {
    if (Date.now() - saidAt < progressEveryMs) return
    if (added < 100_000) return
    saidAt = Date.now()
    setPriority(lowPriority)
    note(`building the index of the log: ${added.toLocaleString('en')} records so far`)
  }
}

function explained(error: unknown, folder: string): unknown {
  if (error instanceof FilterError) return new CommandError(error.message, exitCodes.usage)
  if ((error as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') return error
  return new CommandError(
    `the index of the log in ${folder} cannot be used: ${(error as Error).message}; it can be removed, and is built anew`,
  )
}

function note(text: string): void {
  process.stderr.write(`${visibleText(text)}\n`)
}
