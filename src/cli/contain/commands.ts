/** `sallyport contain …`: which state an integration is held in, asked of the running gateway. */
import { Argument, type Command } from 'commander'
import { type ContainmentState, containmentStates } from '../../core/index.ts'
import { visibleLines, visibleText } from '../../text/index.ts'
import { ask } from '../admin-client.ts'
import type { Registering, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { millisecondsOf, requireName } from '../suspend.ts'

interface Held {
  readonly integration: string
  readonly state: ContainmentState
  readonly since: string
  readonly until: string | null
  readonly reason: string | null
  readonly by: string
  readonly approvals: readonly string[]
  readonly pending: {
    readonly act: 'kill' | 'lower'
    readonly state: ContainmentState
    readonly by: string
    readonly reason: string | null
  } | null
}

type Done = Held & { readonly ok: boolean; readonly problem?: string }

interface ReasonFlag extends Shared {
  readonly reason?: string
}

export function addContainCommands({ program, command, print }: Registering): void {
  const contain = program
    .command('contain')
    .description(
      'What integrations are held in, whatever their policy allows. An integration that is named as one of the commands (approve, lift, list, set) is held with "sallyport contain set NAME STATE".',
    )

  async function act(config: string | undefined, name: string, path: string, query: Readonly<Record<string, string>>): Promise<void> {
    if (name !== '*') requireName(name)
    const asked = `/v1/integrations/${encodeURIComponent(name)}/${path}?${new URLSearchParams(query)}`
    const done = (await ask(findConfig(config), 'POST', asked)) as Done
    if (!done.ok) throw new CommandError(`${done.problem ?? 'the gateway refused'}${path === 'contain' ? '' : hintOf(path, name)}`)
    print(visibleLines(heldText(done)))
  }
  const reasonIn = ({ reason }: ReasonFlag) => (reason === undefined ? {} : { reason })

  command('set', 'Hold an integration in a state; "sallyport contain NAME STATE" is the same.', contain, { isDefault: true })
    .argument('<name>')
    .addArgument(new Argument('[state]').choices(containmentStates))
    .option('--for <duration>', 'what is less strict holds again after this long, for example 1h; else until it is lifted')
    .option('--reason <text>', 'for the record and for operators; not shown to callers')
    .action(async (name: string, state: string | undefined, { config, for: time, ...flags }: ReasonFlag & { readonly for?: string }) => {
      if (state === undefined)
        throw new CommandError(
          `expected a state behind "${name}": one of ${containmentStates.join(', ')}${hintOf('set', name)}`,
          exitCodes.usage,
        )
      const forMs = time === undefined ? {} : { forMs: String(millisecondsOf(time)) }
      await act(config, name, 'contain', { state, ...forMs, ...reasonIn(flags) })
    })
  command('approve <name>', 'Approve what another operator, or a rule, has asked for.', contain).action(
    (name: string, { config }: Shared) => act(config, name, 'approve', {}),
  )
  command('lift <name>', 'Hold an integration in nothing any more; "*" lifts what stopped everything.', contain)
    .option('--reason <text>', 'for the record')
    .action((name: string, flags: ReasonFlag) => act(flags.config, name, 'lift', reasonIn(flags)))
  command('list', 'Show what integrations are held in, since and until when, by whom and why, and what waits for approval.', contain)
    .option('--json', 'print JSON')
    .allowExcessArguments()
    .action(async ({ config, json }: Shared & { readonly json?: boolean }, { args: [unexpected] }: Command) => {
      if (unexpected !== undefined)
        throw new CommandError(`"sallyport contain list" lists, and takes no "${unexpected}"${hintOf('list', unexpected)}`, exitCodes.usage)
      const { integrations } = (await ask(findConfig(config), 'GET', '/v1/containment')) as { readonly integrations: readonly Held[] }
      if (json === true) print(`${visibleLines(JSON.stringify(integrations))}\n`)
      else print(integrations.length === 0 ? 'no integration is contained\n' : visibleLines(integrations.map(heldText).join('')))
    })
}

/** `sallyport contain lift suspended` may mean an integration that is called "lift". */
function hintOf(command: string, word: string): string {
  if (!containmentStates.some((state) => state === word)) return ''
  return `; to hold an integration that is called "${command}": sallyport contain set ${command} ${word}`
}

function heldText({ integration, state, since, until, reason, by, approvals, pending }: Held): string {
  const name = integration === '*' ? 'everything' : integration
  const approved = approvals.length === 0 ? '' : `, approved by ${approvals.join(', ')}`
  const why = reason === null ? '' : `: ${visibleText(reason)}`
  const held = state === 'normal' ? '' : ` since ${since}${until === null ? '' : ` until ${until}`}, by ${by}${approved}${why}`
  const waits =
    pending === null
      ? ''
      : `  waits for a second operator: ${pending.state}, asked by ${pending.by}; "sallyport contain approve ${integration}"\n`
  return `${name}: ${state}${held}\n${waits}`
}
