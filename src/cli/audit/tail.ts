/** `sallyport audit tail`: the latest records, and new ones as they are written. */
import { InvalidArgumentError } from 'commander'
import type { Entry, Filter } from '../../query/index.ts'
import { readRecords, tailAudit } from '../../records/index.ts'
import { visibleText } from '../../text/index.ts'
import type { AddCommand } from '../every-command.ts'
import { timed } from './entry-text.ts'
import { addFilterOptions, type FilterFlags, filterOf } from './filter-options.ts'
import { folderOf } from './given.ts'
import { noLog, requireLog } from './log-folder.ts'
import { folderOption, type LogFlags, withIndex } from './open-log.ts'
import { createRows, type Rows, recordRows, rowText } from './rows.ts'

interface TailFlags extends LogFlags, FilterFlags {
  /** Records with `json`, else rows. */
  readonly lines: number
  readonly follow?: boolean
  readonly json?: boolean
}

/** Oldest first, and the index of the record that follows. */
interface Beginning {
  readonly shown: readonly string[]
  readonly next: number
  readonly rows: Rows
}

export function addTail(add: AddCommand, print: (text: string) => void): void {
  addFilterOptions(add('tail', 'Show the latest records.'))
    .option('-n, --lines <count>', 'records to begin with', wholeNumber, 20)
    .option('-f, --follow', 'continue with new records')
    .option('--json', 'the records as they are; with a filter what "audit query --output json" prints')
    .option(...folderOption)
    .action((flags: TailFlags) => auditTail(flags, (text) => print(`${visibleText(text)}\n`)))
}

async function auditTail(flags: TailFlags, show: (row: string) => void): Promise<void> {
  const { lines, follow = false } = flags
  const filter = filterOf(flags)
  const folder = folderOf(flags)
  const isFiltered = Object.keys(filter).length > 0
  await requireLog(folder, async () => {
    const { shown, next, rows } = isFiltered ? await asked(folder, filter, flags) : await readBack(folder, flags)
    if (next === 0 && !follow) throw noLog(folder)
    for (const text of shown.slice(Math.max(0, shown.length - lines))) show(text)
    if (!follow) return
    for await (const records of readRecords(folder, { from: next, follow: true }))
      for (const record of records) for (const text of rows.take(record)) show(text)
  })
}

/** Most rows are a decision and its settlement; what is under way in between needs some more. */
const spareLines = 20

/** Without a filter the end of the log is read, and no index is needed. */
async function readBack(folder: string, { lines, follow = false, json = false }: TailFlags): Promise<Beginning> {
  let count = json ? lines : lines * 2 + spareLines
  for (;;) {
    const tail = await tailAudit(folder, count)
    const rows = json ? recordRows : createRows({}, rowText)
    const settled = tail.flatMap((record) => rows.take(record))
    // With --follow a request is shown once, when it is settled.
    const shown = follow ? settled : settled.concat(rows.unsettled())
    // Records that complete no row, and the first halves of rows that are older, count for nothing: then more are read.
    if (json || shown.length >= lines || tail.length < count) return { shown, next: (tail.at(-1)?.index ?? -1) + 1, rows }
    count *= 4
  }
}

/** What began within so many records before is recognised when it is settled. */
const warmRecords = 10_000

/** With one they come from the index: what is wanted may be far back. */
async function asked(folder: string, filter: Filter, flags: TailFlags): Promise<Beginning> {
  const { lines, follow = false, json = false } = flags
  const textOf = json ? (entry: Entry) => JSON.stringify(timed(entry)) : rowText
  const { entries, next } = await withIndex(flags, async (index) => ({
    entries: (await index.ask(filter, { limit: Math.max(1, lines) })).entries,
    next: index.records(),
  }))
  const rows = createRows(filter, textOf)
  if (follow)
    for await (const records of readRecords(folder, { from: Math.max(0, next - warmRecords) }))
      for (const record of records) if (record.index < next) rows.take(record)
  const wanted = follow
    ? entries.filter(({ decision, settledIndex, type }) => decision === null || settledIndex !== null || type === 'summed')
    : entries
  return { shown: wanted.toReversed().map(textOf), next, rows }
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('it is a whole number')
}
