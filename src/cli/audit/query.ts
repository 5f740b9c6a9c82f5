/** `sallyport audit query`: entries of the log by any combination of filters, and sums over them. */
import { InvalidArgumentError, Option } from 'commander'
import { type By, type Entry, type Filter, type LogIndex, type Sum, sumKeys } from '../../query/index.ts'
import type { AddCommand } from '../every-command.ts'
import { entryColumns, timed } from './entry-text.ts'
import { addFilterOptions, type FilterFlags, filterOf } from './filter-options.ts'
import { folderOption, type LogFlags, withIndex } from './open-log.ts'
import { asJsonLines, asTable, csvLine, type OutputFormat, outputFormats } from './output-format.ts'

interface QueryFlags extends LogFlags, FilterFlags {
  readonly by?: By
  readonly output: OutputFormat
  /** 0: all. */
  readonly limit: number
  readonly cursor?: number
  readonly oldest?: boolean
}

type Print = (text: string) => void

/** Of a larger limit: what is asked for is not in memory as a whole. */
const pageEntries = 1000

export function addQuery(add: AddCommand, print: Print): void {
  addFilterOptions(add('query', 'Ask the log: what was requested, decided, refused and changed, newest first; or sums of it.'))
    .addOption(new Option('--by <what>', 'sums by this instead, the largest first').choices(sumKeys))
    .addOption(
      new Option('-o, --output <format>', 'how it is printed; "json" is one object per line').choices(outputFormats).default('table'),
    )
    .option('-n, --limit <count>', 'at most so many rows; 0 for all', wholeNumber, 50)
    .option('--cursor <index>', 'go on behind this row, as the page before said', wholeNumber)
    .option('--oldest', 'oldest first')
    .option(...folderOption)
    .action(async (flags: QueryFlags) => {
      const { by } = flags
      const filter = filterOf(flags)
      await withIndex(flags, (index) =>
        by === undefined ? printEntries(index, filter, flags, print) : printSums(index, filter, by, flags, print),
      )
    })
}

async function printEntries(index: LogIndex, filter: Filter, flags: QueryFlags, print: Print): Promise<void> {
  const { limit, cursor, output, oldest = false } = flags
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  let next = cursor ?? null
  let isFirst = true
  do {
    const page = await index.ask(filter, {
      limit: Math.min(left, pageEntries),
      oldestFirst: oldest,
      ...(next !== null && { cursor: next }),
    })
    print(entriesAs(output, page.entries, isFirst))
    left -= page.entries.length
    next = page.next
    isFirst = false
  } while (next !== null && left > 0)
  if (next !== null) process.stderr.write(`there is more: --cursor ${next}\n`)
}

async function printSums(index: LogIndex, filter: Filter, by: By, { limit, output }: QueryFlags, print: Print): Promise<void> {
  const sums = await index.sums(filter, by)
  const shown = limit === 0 ? sums : sums.slice(0, limit)
  print(sumsAs(output, by, shown))
  if (shown.length < sums.length) process.stderr.write(`there are ${sums.length - shown.length} more: --limit 0 shows all\n`)
}

function entriesAs(output: OutputFormat, entries: readonly Entry[], isFirst: boolean): string {
  if (output === 'table') return asTable(entries.map(entryColumns))
  const rows = entries.map(timed)
  if (output === 'json') return asJsonLines(rows)
  const head = isFirst ? csvLine(entryNames) : ''
  return head + rows.map((row) => csvLine(entryNames.map((name) => row[name]))).join('')
}

const entryNames = [
  ...(['index', 'settledIndex', 'time', 'type', 'id', 'parent', 'integration', 'identity', 'decision', 'rule', 'kind', 'action'] as const),
  ...(['method', 'scheme', 'host', 'port', 'place', 'path', 'query', 'status', 'problem', 'detail', 'requests', 'sentBytes'] as const),
  ...(['receivedBytes', 'durationMs', 'complete', 'claimed'] as const),
]

function sumsAs(output: OutputFormat, by: By, sums: readonly Sum[]): string {
  if (output === 'json') return asJsonLines(sums.map(({ value, ...counts }) => ({ [by]: value, ...counts })))
  const rows = sums.map(({ value, requests, allowed, denied, refused, sentBytes, receivedBytes }) => [
    ...[value ?? '-', requests, allowed, denied, refused, sentBytes, receivedBytes],
  ])
  const head = [by, 'requests', 'allowed', 'denied', 'refused', 'sentBytes', 'receivedBytes']
  if (output === 'csv') return [head, ...rows].map(csvLine).join('')
  return asTable([head, ...rows].map((row) => row.map(String)))
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('it is a whole number')
}
