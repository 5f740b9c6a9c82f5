/** The commands over recorded requests: explain, replay, suggest. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { visibleLines } from '../../text/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { explain } from './explain.ts'
import { parseSince } from './log.ts'
import { type ReplayFlags, replayLog } from './replay.ts'
import { type SuggestFlags, suggestManifest } from './suggest.ts'

/** Placed among the `policy` commands. */
export function addRecordedCommands(policy: Command, command: AddCommand, print: (text: string) => void): void {
  command('explain <id>', 'Say why a recorded request was decided as it was, and what would change that.', policy)
    .option('--json', 'print JSON')
    .action(async (id: string, { config, json = false }: Shared & { json?: boolean }) =>
      print(visibleLines(await explain(findConfig(config), id, json))),
    )

  command('replay', 'Judge the recorded requests again; exit 1 where an answer differs.', policy)
    .option('--against <revision>', 'a kept revision, "active", or "latest" for what lies on disk', 'latest')
    .option('--rules <folder>', 'these rules instead of the configuration’s')
    .option('--integrations <folder>', 'these manifests instead of the configuration’s')
    .option('--integration <name>', 'only what this one asked')
    .option('--since <time>', 'only what was asked since: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--id <id>', 'only this request')
    .option('--reference', 'ask OPA’s own SDK as well, and exit 1 where it answers otherwise than the gateway’s evaluator')
    .option('--json', 'print JSON')
    .action(async ({ config, ...flags }: Shared & ReplayFlags) => {
      if (flags.against !== 'latest' && (flags.rules !== undefined || flags.integrations !== undefined))
        throw new CommandError(
          '--rules and --integrations take the place of what lies on disk: not together with --against',
          exitCodes.usage,
        )
      const { text, differs } = await replayLog(findConfig(config), flags)
      print(visibleLines(text))
      if (differs) throw new CommandError('')
    })

  command('suggest <name>', 'Write the smallest manifest that covers what an integration was recorded asking, for review.', policy)
    .addOption(new Option('--only <what>', 'only what was allowed, or denied; else both').choices(['allowed', 'denied']))
    .option('--since <time>', 'only what was asked since: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--siblings <count>', 'more different names than this in one place of a path become "*"', wholeNumber, 10)
    .option('--owner <who>', 'who answers for it, where it has no manifest yet')
    .option('-o, --output <file>', 'write it there; a file that exists is not touched')
    .action(async (name: string, { config, ...flags }: Shared & SuggestFlags) =>
      print(await suggestManifest(findConfig(config), name, flags)),
    )
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('it is a whole number')
}
