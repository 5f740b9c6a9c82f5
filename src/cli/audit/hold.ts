/** `sallyport audit hold`: legal holds on the audit log, asked of the running gateway. */
import type { Command } from 'commander'
import type { Hold } from '../../holds/index.ts'
import { ask } from '../admin-client.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { asTable } from './output-format.ts'

interface AddFlags extends Shared {
  readonly reason: string
  readonly from?: string
  readonly to?: string
  readonly integration?: string
  readonly until?: string
}

export function addHold(add: AddCommand, print: (text: string) => void, audit: Command): void {
  const hold = audit.command('hold').description('Legal holds: records that retention must leave, whatever their age.')
  add('add', 'Hold records from one index to another; without both, the whole log and whatever comes.', hold)
    .requiredOption('--reason <text>', 'for the record')
    .option('--from <index>', 'the first record', '0')
    .option('--to <index>', 'the last; without it, whatever comes')
    .option('--integration <name>', 'records of this integration alone')
    .option('--until <time>', 'when it ends by itself; without it, when it is released')
    .action(async ({ config, ...given }: AddFlags) => {
      const { hold: made } = await act<{ readonly hold: Hold }>(config, '/v1/audit/holds', { ...given })
      print(`held: ${made.id}; "sallyport audit hold release ${made.id}" ends it\n`)
    })
  add('list', 'Show the holds that are in force.', hold)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { json?: boolean }) => {
      const { holds } = (await ask(findConfig(config), 'GET', '/v1/audit/holds')) as { readonly holds: readonly Hold[] }
      print(json ? `${JSON.stringify(holds)}\n` : asTable([head, ...holds.map(rowOf)]))
    })
  add('release <id>', 'End a hold.', hold)
    .requiredOption('--reason <text>', 'for the record')
    .action(async (id: string, { config, reason }: Shared & { reason: string }) => {
      await act(config, `/v1/audit/holds/${encodeURIComponent(id)}/release`, { reason })
      print(`released: ${id}\n`)
    })
}

const head = ['id', 'since', 'until', 'records', 'integration', 'by', 'reason']

function rowOf({ id, since, until, from, to, integration, who, reason }: Hold): readonly string[] {
  return [id, since, until ?? '-', `${from}–${to ?? ''}`, integration ?? '-', who, reason]
}

async function act<Answer>(config: string | undefined, path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
  const body = await ask(findConfig(config), 'POST', `${path}?${new URLSearchParams(query)}`)
  const { ok, problem } = body as { readonly ok: boolean; readonly problem?: string }
  if (!ok) throw new CommandError(problem ?? 'the gateway refused')
  return body as Answer
}
