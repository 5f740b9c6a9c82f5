/** `sallyport audit tail`: the latest records, and new ones as they are written. */
import { InvalidArgumentError } from 'commander'
import { readRecords, tailAudit } from '../../records/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { findConfig } from '../find-config.ts'
import { noLog, printLine, requireLog } from './log-folder.ts'
import { createRows } from './rows.ts'

interface TailFlags {
  /** Records with `json`, else rows. */
  readonly lines: number
  readonly follow?: boolean
  readonly json?: boolean
}

export function addTail(add: AddCommand): void {
  add('tail', 'Show the latest records.')
    .option('-n, --lines <count>', 'records to begin with', wholeNumber, 20)
    .option('-f, --follow', 'continue with new records')
    .option('--json', 'the records as they are')
    .action(async ({ config, ...flags }: Shared & TailFlags) => auditTail(findConfig(config).audit.folder, flags))
}

/** Most rows are a decision and its settlement; what is under way in between needs some more. */
const spareLines = 20

async function auditTail(folder: string, { lines, follow = false, json = false }: TailFlags): Promise<void> {
  await requireLog(folder, async () => {
    let count = json ? lines : lines * 2 + spareLines
    let beginning = await read()
    // Records that complete no row, and the first halves of rows that are older, count for nothing: then more are read.
    while (!json && beginning.shown.length < lines && beginning.tail.length === count) {
      count *= 4
      beginning = await read()
    }
    const { tail, rows, shown } = beginning
    if (tail.length === 0 && !follow) throw noLog(folder)
    for (const text of shown.slice(Math.max(0, shown.length - lines))) printLine(text)
    if (!follow) return
    const from = (tail.at(-1)?.index ?? -1) + 1
    for await (const records of readRecords(folder, { from, follow: true }))
      for (const record of records) printLine(json ? record.text : rows.take(record))

    async function read() {
      const tail = await tailAudit(folder, count)
      const rows = createRows()
      if (json) return { tail, rows, shown: tail.map(({ text }) => text) }
      const settled = tail.map((record) => rows.take(record)).filter((text) => text !== null)
      // With --follow a request is shown once, when it is settled.
      return { tail, rows, shown: follow ? settled : settled.concat(rows.unsettled()) }
    }
  })
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('it is a whole number')
}
