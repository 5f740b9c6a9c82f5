/** The commands for alerts: which there are, who has one in hand, and whether a receiver can be reached. */
import { Option } from 'commander'
import { severities } from '../../core/index.ts'
import { visibleLines } from '../../text/index.ts'
import { ask } from '../admin-client.ts'
import type { Registering, Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { parseSince } from '../parse-since.ts'
import { type Listed, listText, type ShownAlert, showText, type Tested, testText } from './texts.ts'

interface ListFlags extends Shared {
  readonly state?: string
  readonly severity?: string
  readonly integration?: string
  readonly rule?: string
  readonly since?: number
  readonly limit?: string
  readonly all?: boolean
  readonly json?: boolean
}

interface Done {
  readonly ok: boolean
  readonly problem?: string
}

export function addAlertCommands({ program, command, print }: Registering): void {
  const alerts = program.command('alerts').description('What watching found unusual, and who is told of it.')
  const printJson = (value: unknown) => print(`${visibleLines(JSON.stringify(value))}\n`)

  command('list', 'List alerts that are not resolved, the newest first, and how each receiver is.', alerts)
    .option('--all', 'resolved ones too')
    .option('--state <states>', 'only these: open, acknowledged, resolved, with commas between them')
    .addOption(new Option('--severity <severity>', 'only from this one on').choices([...severities]))
    .option('--integration <name>', 'only of this integration')
    .option('--rule <name>', 'only of this rule')
    .option('--since <time>', 'only those last found since then: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--limit <count>', 'at most so many, up to 1000', '100')
    .option('--json', 'print JSON')
    .action(async ({ config, json, all = false, since, state, ...filters }: ListFlags) => {
      const states = state ?? (all ? undefined : 'open,acknowledged')
      const query = new URLSearchParams({
        ...filters,
        ...(states !== undefined && { state: states }),
        ...(since !== undefined && { since: new Date(since).toISOString() }),
      })
      const listed = (await ask(findConfig(config), 'GET', `/v1/alerts?${query}`)) as Listed
      if (json === true) printJson(listed)
      else print(listText(listed))
    })

  command('show <id>', 'Show an alert: why it is one, against which baseline, and the requests that show it.', alerts)
    .option('--json', 'print JSON')
    .action(async (id: string, { config, json }: Shared & { readonly json?: boolean }) => {
      const alert = (await ask(findConfig(config), 'GET', `/v1/alerts/${encodeURIComponent(id)}`)) as ShownAlert
      if (json === true) printJson(alert)
      else print(showText(alert))
    })

  command('ack <id>', 'Acknowledge an alert: it is in hand, and receivers are not reminded of it any more.', alerts)
    .option('--reason <text>', 'for the record, and for receivers')
    .action(async (id: string, { config, reason }: Shared & { readonly reason?: string }) => {
      const query = reason === undefined ? '' : `?${new URLSearchParams({ reason })}`
      const { ok, problem } = (await ask(findConfig(config), 'POST', `/v1/alerts/${encodeURIComponent(id)}/acknowledge${query}`)) as Done
      if (!ok) throw new CommandError(problem ?? 'the gateway refused')
      print(`acknowledged: ${id}\n`)
    })

  command('test <receiver>', 'Send a test alert to a receiver, and print what it answers; exit 1 where it was not taken.', alerts)
    .option('--json', 'print JSON')
    .action(async (receiver: string, { config, json }: Shared & { readonly json?: boolean }) => {
      const tested = (await ask(findConfig(config), 'POST', `/v1/alerts/test?${new URLSearchParams({ receiver })}`)) as Tested
      if (json === true) printJson(tested)
      else if (tested.ok) print(testText(tested))
      if (!tested.ok) throw new CommandError(testText(tested).trimEnd())
    })
}
