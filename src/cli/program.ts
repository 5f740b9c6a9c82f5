/** The command line: `run`, and the other commands where one of them is meant. */
import { Command } from 'commander'
import { version } from '../version.ts'
import type { AddCommand, Shared } from './every-command.ts'

/** `words`: the command line's. Only what the command that is meant needs is loaded: most of the time of a short one is that of its modules. */
export async function createProgram(
  words: readonly string[],
  print: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<Command> {
  const program = new Command('sallyport')
    .description('A gateway sidecar that judges every request of a sandboxed integration.')
    .version(version)
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
  const command: AddCommand = (name, description, parent = program, options = {}) =>
    parent
      .command(name, options)
      .description(description)
      .option('-c, --config <file>', 'sallyport.yaml; else $SALLYPORT_CONFIG, else ./sallyport.yaml')
      .exitOverride()

  command('run', 'Run the gateway in the foreground.')
    .alias('start')
    .action(async ({ config }: Shared) => {
      const [{ run }, { findConfig }] = await Promise.all([import('./run.ts'), import('./find-config.ts')])
      await run(findConfig(config))
    })

  if (words[0] !== 'run' && words[0] !== 'start') {
    const { addCommands } = await import('./commands.ts')
    await addCommands({ program, command, print, words })
  }
  return program
}
