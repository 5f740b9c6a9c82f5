/** `sallyport audit convert`: records in one of the views that sinks get, without shipping them. */
import { InvalidArgumentError, Option } from 'commander'
import { convertRecords, type ViewName, viewNames } from '../../sinks/index.ts'
import { visibleText } from '../../text/index.ts'
import { version } from '../../version.ts'
import type { AddCommand } from '../every-command.ts'
import { parseSince } from '../parse-since.ts'
import { folderOf } from './given.ts'
import { requireLog } from './log-folder.ts'
import { folderOption, type LogFlags } from './open-log.ts'

interface ConvertFlags extends LogFlags {
  readonly view: ViewName
  readonly since?: number
  readonly until?: number
  readonly from?: number
  readonly to?: number
}

export function addConvert(add: AddCommand, print: (text: string) => void): void {
  add('convert', 'Print records in a view that sinks get, a JSON object per line, oldest first.')
    .addOption(new Option('--view <view>', 'the form').choices(viewNames).default('json'))
    .option('--since <time>', 'only what was written then or later: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--until <time>', 'only what was written before', (text) => parseSince(text))
    .option('--from <index>', 'begin with this record', wholeNumber)
    .option('--to <index>', 'end before this record', wholeNumber)
    .option(...folderOption)
    .action(async (flags: ConvertFlags) => {
      const folder = folderOf(flags)
      await requireLog(folder, async () => {
        for await (const texts of convertRecords(folder, { ...flags, version }))
          print(texts.map((text) => `${visibleText(text)}\n`).join(''))
      })
    })
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('it is a whole number')
}
