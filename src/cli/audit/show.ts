/** `sallyport audit show`: one request with all that the log has about it. */
import type { Entry, Shown } from '../../query/index.ts'
import { visibleText } from '../../text/index.ts'
import type { AddCommand } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { entryColumns, targetOf } from './entry-text.ts'
import { folderOption, type LogFlags, withIndex } from './open-log.ts'
import { asTable } from './output-format.ts'

interface ShowFlags extends LogFlags {
  readonly json?: boolean
}

export function addShow(add: AddCommand, print: (text: string) => void): void {
  add('show <id>', 'Show one request: its decision, its end, the requests around and inside it, and every record about it.')
    .option(...folderOption)
    .option('--json', 'print JSON')
    .action(async (id: string, flags: ShowFlags) => {
      const shown = await withIndex(flags, (index) => index.show(id))
      if (shown === null) throw new CommandError(`no record of the log is about "${id}"`)
      print(flags.json === true ? `${visibleText(asJson(id, shown))}\n` : asText(id, shown, proveOf(flags)))
    })
}

/** Of the same log as this command was asked about. */
function proveOf({ folder, config }: LogFlags): (index: number) => string {
  const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
  const where = folder !== undefined ? ` --folder ${quoted(folder)}` : config !== undefined ? ` --config ${quoted(config)}` : ''
  return (index) => `sallyport audit prove ${index}${where}`
}

/** The records stay as they are written. */
function asJson(id: string, { records, ...shown }: Shown): string {
  const texts = records.map(({ index, text }) => `{"index":${index},"record":${isJson(text) ? text : JSON.stringify(text)}}`)
  return `${JSON.stringify({ id, ...shown }).slice(0, -1)},"records":[${texts.join(',')}]}`
}

/** `prove`: the command that proves a record. */
function asText(id: string, { entry, others, parent, inside, hasMoreInside, records }: Shown, prove: (index: number) => string): string {
  const facts =
    entry === null
      ? []
      : factsOf(
          entry,
          records.map(({ text }) => text),
        )
  return [
    asTable([['id', id], ...facts]),
    section('inside of', parent === null ? '' : asTable([entryColumns(parent)])),
    section(hasMoreInside ? 'it has inside (the first of them)' : 'it has inside', asTable(inside.map(entryColumns))),
    section('also about it', asTable(others.map(entryColumns))),
    section('records', asTable(records.map(({ index, text }) => [String(index), text]))),
    section('proof', records.map(({ index }) => `${visibleText(prove(index))}\n`).join('')),
  ].join('')
}

function section(title: string, lines: string): string {
  return lines === '' ? '' : `\n${title}\n${lines.replaceAll(/^(?=.)/gm, '  ')}`
}

function factsOf(entry: Entry, texts: readonly string[]): (readonly string[])[] {
  const records = texts.filter(isJson).map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
  const of = (name: string) => records.find((record) => record[name] !== undefined)?.[name]
  const [time = '', who = '', decision = '', , why = '', end = ''] = entryColumns(entry)
  const bytes = entry.sentBytes === null ? '' : `${entry.sentBytes} bytes sent, ${entry.receivedBytes} received`
  const facts: readonly (readonly [string, unknown])[] = [
    ['time', time],
    ['integration', entry.identity === null ? who : `${who}, proven by ${entry.identity}`],
    ['request', targetOf(entry)],
    ['decision', `${decision} ${why}`],
    ['capability', of('capability')],
    ['reasons', of('reasons')],
    ['revision', of('revision')],
    ['end', end],
    ['attempts', of('attempts')],
    ['retried', of('retried')],
    ['detail', entry.type === 'refused' ? '' : entry.detail],
    ['bytes', bytes],
  ]
  return facts.flatMap(([name, value]) => {
    if (value === undefined || value === null || value === '') return []
    return [[name, typeof value === 'string' ? value : JSON.stringify(value)]]
  })
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
