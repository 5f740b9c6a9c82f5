/** The flags that say which entries of the log are meant: of "audit query" and "audit tail". */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { decisions, type Filter } from '../../query/index.ts'
import { parseSince } from '../parse-since.ts'

const again = 'can be given more than once'

/** Their names are those of `Filter`. */
export function addFilterOptions(command: Command): Command {
  const several = (flags: string, description: string) =>
    command.addOption(new Option(flags, description).argParser((value: string, before: readonly string[] = []) => [...before, value]))
  command
    .option('--since <time>', 'only what began then or later: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--until <time>', 'only what began before', (text) => parseSince(text))
  several('--integration <name>', `only of this integration; ${again}, as what follows, and finds what each finds`)
  several('--host <host>', 'only to this host, or to names below it: "*.example.com"')
  several('--path <pattern>', 'only to such paths; "*" stands for characters of one segment, "**" for any')
  command.addOption(
    new Option('--decision <decision>', `only decided so: ${decisions.join(', ')}`).argParser(
      (value: string, before: readonly string[] = []) => {
        if ((decisions as readonly string[]).includes(value)) return [...before, value]
        throw new InvalidArgumentError(`it is ${decisions.join(', ')}`)
      },
    ),
  )
  several('--rule <rule>', 'only decided by this rule')
  several('--status <status>', 'only answered with this status, or with this class: 404, 5xx')
  several('--problem <code>', 'only ended by this problem')
  several('--method <method>', 'only of this method')
  several('--kind <kind>', 'only of this kind: http, tunnel, service, file, lookup, …')
  several('--identity <identity>', 'only proven by this')
  several('--id <id>', 'only about this request')
  several('--parent <id>', 'only inside this request, or made for it')
  several('--type <type>', 'only such records: decided, refused, activated, breaker, …')
  several('--text <words>', 'only with these words behind one another in a record; all that are given; "word*" is a beginning')
  return command
}

/** All that flags can hold of a filter. */
export type FilterFlags = Filter

const names: Readonly<Record<keyof Filter, true>> = {
  ...{ since: true, until: true, integration: true, identity: true, decision: true, rule: true, host: true, path: true },
  ...{ method: true, kind: true, status: true, problem: true, type: true, id: true, parent: true, text: true },
}

/** What of all flags is the filter. */
export function filterOf(flags: FilterFlags): Filter {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => name in names))
}
