/** `sallyport exec NAME -- COMMAND`: runs a command whose ordinary clients go through the gateway. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Config } from '../config/index.ts'
import { variablesFor } from './env.ts'
import { CommandError, exitCodes } from './exit.ts'

/** As a shell has them: a command that is not found, one that cannot be run, and one that a signal ended. */
const notFound = 127
const notRunnable = 126
const signalled = 128

/** Options that this machine gives to JVMs and to Node, such as a bound of memory, hold beside ours. */
function withOwn(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const both = (name: string) => [process.env[name], variables[name]].filter(Boolean).join(' ')
  return { ...process.env, ...variables, JAVA_TOOL_OPTIONS: both('JAVA_TOOL_OPTIONS'), NODE_OPTIONS: both('NODE_OPTIONS') }
}

/** Gives the command's exit code. It has the terminal, and gets the signals that this process gets. */
export async function exec(config: Config, name: string, words: readonly string[], tokenFile: string | undefined): Promise<number> {
  const [program, ...args] = words
  if (program === undefined) throw new CommandError('give the command behind "--": sallyport exec NAME -- curl https://…', exitCodes.usage)
  const child = spawn(program, args, { stdio: 'inherit', env: withOwn(await variablesFor(config, name, tokenFile)) })
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, pass)
  // A terminal gives these to both.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, process.stdin.isTTY ? () => {} : pass)
  return new Promise((resolve, reject) => {
    child.once('error', ({ code }: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          `${program}: ${code === 'ENOENT' ? 'there is no such command' : code}`,
          code === 'ENOENT' ? notFound : notRunnable,
        ),
      ),
    )
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 0) : signalled + constants.signals[signal]))
  })
}
