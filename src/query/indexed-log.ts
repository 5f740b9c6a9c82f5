/** The index of a log: brought up to date before it is asked, and made anew where it does not belong to the log. */
import { readRecords, type StoredRecord } from '../records/index.ts'
import { type Answers, createAnswers, type Page, type PageOptions } from './answers.ts'
import { createWriting, hashOf, type Position, positionOf } from './catch-up.ts'
import type { Filter } from './filter.ts'
import { createIndexFolder, createNext, type IndexFile, lockBuilding, newestNumber, openNewest } from './index-file.ts'
import { removeBelow } from './retention.ts'
import { type Shown, showId } from './show.ts'
import type { By, Sum } from './sums.ts'

export interface IndexOptions {
  /** Folder of the log. */
  readonly log: string
  /** Where the index is kept, for this log alone; made where it is not there. */
  readonly folder: string
  /** What has happened to the index, one line. */
  readonly onNotice?: (text: string) => void
  /** After each group of a longer build: how many records were read by now, and since the build began. */
  readonly onProgress?: (records: number, added: number) => void
  readonly read?: typeof readRecords
  readonly cacheMiB?: number
}

export interface LogIndex {
  /** Reads what was written since, up to where the log ends now. Throws what reading the log throws. */
  catchUp(signal?: AbortSignal): Promise<void>
  /** Throws `FilterError`. */
  ask(filter: Filter, options?: PageOptions): Promise<Page>
  /** Throws `FilterError`. */
  sums(filter: Filter, by: By): Promise<readonly Sum[]>
  /** `null` where no record has this id. */
  show(id: string): Promise<Shown | null>
  /** Records that the index knows. */
  records(): number
  close(): void
}

/** Throws what the file system throws where the folder cannot be written. */
export function openIndex(options: IndexOptions): LogIndex {
  const { log, folder, onNotice = () => {}, onProgress = () => {}, read = readRecords, cacheMiB = 64 } = options
  createIndexFolder(folder)
  let opened: (IndexFile & { readonly answers: Answers }) | null = null
  let catching: Promise<void> | null = null

  return {
    catchUp(signal) {
      catching ??= catchUp(signal).finally(() => {
        catching = null
      })
      return catching
    },
    ask: (filter, page) => answered(({ answers }) => answers.page(filter, page)),
    sums: (filter, by) => answered(({ answers }) => answers.sums(filter, by)),
    show: async (id) => showId(id, await answered(({ answers }) => answers), { log, read }),
    records: () => (opened === null ? 0 : positionOf(opened.database).next),
    close() {
      opened?.database.close()
      opened = null
    },
  }

  /** Where the file turns out to be damaged, the answer comes from a new one. */
  async function answered<T>(answer: (file: { readonly answers: Answers }) => T): Promise<T> {
    if (opened === null) await catchUp()
    try {
      return answer(use())
    } catch (error) {
      if (!isDamage(error)) throw error
      await underLock(() => rebuild((error as Error).message))
      await catchUp()
      return answer(use())
    }
  }

  function use() {
    if (opened === null) throw new Error('the index is closed')
    return opened
  }

  async function catchUp(signal?: AbortSignal): Promise<void> {
    await underLock(async () => {
      openOrCreate()
      try {
        const misfit = await misfitOf(positionOf(use().database))
        if (misfit !== null) rebuild(misfit)
        await readOn(signal)
      } catch (error) {
        if (!isDamage(error)) throw error
        rebuild((error as Error).message)
        await readOn(signal)
      }
    }, signal)
  }

  async function underLock(act: () => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    const unlock = await lockBuilding(folder, () => onNotice('another process brings the index up to date: waiting for it'), signal)
    try {
      await act()
    } finally {
      unlock()
    }
  }

  /** Another process may have made a newer file meanwhile. */
  function openOrCreate(): void {
    if (opened !== null && opened.number === newestNumber(folder)) return
    opened?.database.close()
    opened = null
    const { file, problem } = openNewest(folder, cacheMiB)
    if (file !== null) setOpened(file)
    else rebuild(problem)
  }

  function rebuild(reason: string | null): void {
    opened?.database.close()
    opened = null
    if (reason !== null) onNotice(`the index of the log is made anew: ${reason}`)
    setOpened(createNext(folder, cacheMiB))
  }

  function setOpened(file: IndexFile): void {
    opened = { ...file, answers: createAnswers(file.database) }
  }

  /** Why the index is not one of this log as it is now. */
  async function misfitOf({ next, last }: Position): Promise<string | null> {
    if (next === 0) return null
    const record = await firstFrom(next - 1)
    if (record === null) return 'the log is shorter than what was indexed'
    if (record.index > next - 1) return 'the log no longer has the record that was indexed last'
    return hashOf(record.text) === last ? null : 'it belongs to another log'
  }

  async function firstFrom(from: number): Promise<StoredRecord | null> {
    for await (const [first] of read(log, { from })) if (first !== undefined) return first
    return null
  }

  async function readOn(signal?: AbortSignal): Promise<void> {
    const { database } = use()
    const { next, first } = positionOf(database)
    // Where the oldest that is known is still there, retention has removed nothing since.
    const oldest = await firstFrom(first)
    if (oldest !== null) removeBelow(oldest.index, database)
    const writing = createWriting(database, (records) => onProgress(records, records - next))
    for await (const records of read(log, { from: next, ...(signal !== undefined && { signal }) })) writing.add(records)
    writing.finish()
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, with what they extend to. */
function isDamage(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return [11, 26].includes(code & 0xff)
}
