/** The command line: `run`, and the other commands where one of them is meant. */
import { Command } from 'commander'
import { version } from '../version.ts'
import type { AddCommand, Shared } from './every-command.ts'
import { findConfig } from './find-config.ts'
import { run } from './run.ts'

/** `words`: the command line's. A gateway that runs does not hold what the other commands need. */
export async function createProgram(
  words: readonly string[],
  print: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<Command> {
  const program = new Command('sallyport')
    .description('A gateway sidecar that judges every request of a sandboxed integration.')
    .version(version)
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
  const command: AddCommand = (name, description, parent = program) =>
    parent
      .command(name)
      .description(description)
      .option('-c, --config <file>', 'sallyport.yaml; else $SALLYPORT_CONFIG, else ./sallyport.yaml')
      .exitOverride()

  command('run', 'Run the gateway in the foreground.')
    .alias('start')
    .action(async ({ config }: Shared) => void (await run(findConfig(config))))

  if (words[0] !== 'run' && words[0] !== 'start') {
    const { addCommands } = await import('./commands.ts')
    addCommands(program, command, print)
  }
  return program
}
