/** The commands for watching: how it is, and what rules would have found. */
import { visibleText } from '../../text/index.ts'
import { folderOption } from '../audit/index.ts'
import type { Registering, Shared } from '../every-command.ts'
import { parseSince } from '../parse-since.ts'
import { type ReplayFlags, replayFindings } from './replay.ts'
import { statusOf, statusText } from './status.ts'

export function addWatchCommands({ program, command, print }: Registering): void {
  const watch = program.command('watch').description('What watching knows, and what its rules find.')
  command('status', 'Show how watching is: its process, what was dropped, and the state of its store.', watch)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { readonly json?: boolean }) => {
      const status = await statusOf(config)
      print(json ? `${JSON.stringify(status)}\n` : statusText(status))
    })
  command('replay', 'Pass old records of the audit log through the rules, and print what they would have found.', watch)
    .option('--from <time>', 'where it begins: "24h", "7d", "2026-01-31T08:00:00Z"; all before it is learned from', (text) =>
      parseSince(text),
    )
    .option('--to <time>', 'where it ends; else now', (text) => parseSince(text))
    .option('--rules <file>', 'YAML with what replaces settings of the rules, as "watch.rules" does; else those in sallyport.yaml')
    .option('--integration <name>', 'only what is found of this integration')
    .option(...folderOption)
    .option('--json', 'print JSON lines')
    .action(async (flags: ReplayFlags) => {
      for await (const line of replayFindings(flags)) print(`${visibleText(line)}\n`)
    })
}
