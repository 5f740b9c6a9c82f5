/** The commands over revisions: list, activate, rollback, diff. */
import type { Command } from 'commander'
import { visibleLines } from '../../text/index.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { diffRevisions } from './diff.ts'
import { activateRevision, listRevisions, rollback, showRevision } from './revisions.ts'

/** Placed among the `policy` commands. */
export function addRevisionCommands(policy: Command, command: AddCommand, printAsIs: (text: string) => void): void {
  // Manifests and rules may hold anything, such as what moves a terminal's cursor or turns its text around.
  const print = (text: string) => printAsIs(visibleLines(text))

  command('list', 'Show the revisions that were active, newest first.', policy)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { json?: boolean }) => print(await listRevisions(findConfig(config), json)))

  command('show <revision>', 'Show what a revision is made of, and how it came to decide; "active" is the present one.', policy)
    .option('--json', 'print JSON')
    .action(async (revision: string, { config, json = false }: Shared & { json?: boolean }) =>
      print(await showRevision(findConfig(config), revision, json)),
    )

  command(
    'activate <revision>',
    'Let an earlier revision decide, whatever lies in the folders; "latest" follows the folders again.',
    policy,
  ).action(async (revision: string, { config }: Shared) => print(await activateRevision(findConfig(config), revision)))

  command('rollback', 'Let the revision before this one decide.', policy).action(async ({ config }: Shared) =>
    print(await rollback(findConfig(config))),
  )

  command('diff [from] [to]', 'Say what another revision allows and no longer allows; exit 1 where they differ.', policy)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nA revision, "active", or "latest" for what lies on disk; else from "active" to "latest".')
    .action(async (from: string | undefined, to: string | undefined, { config, json = false }: Shared & { json?: boolean }) => {
      const { text, differs } = await diffRevisions(findConfig(config), from ?? 'active', to ?? 'latest', json)
      print(text)
      if (differs) throw new CommandError('')
    })
}
