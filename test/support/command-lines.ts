/** Command lines of documentation, held to what the command line takes; nothing is run. */
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/index.ts'

/** `sallyport …` in code of a page: lines of indented blocks and of fences, and code spans; without comments and redirections. */
export function commandsIn(page: string): readonly string[] {
  const lines = [...page.matchAll(/^(?: {4,}|(?=sallyport ))(sallyport .*)$/gm), ...page.matchAll(/`(sallyport [^`]+)`/g)]
  return [...new Set(lines.map(([, line = '']) => line.replace(/\s+(?:#|>).*$/, '').trim()))]
}

/** What is wrong with it; `null`: it parses, with as many arguments as it needs. */
export async function problemOf(line: string): Promise<string | null> {
  const [, ...words] = (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'))
  let command: Command = await createProgram(words)
  let rest: readonly string[] = words
  for (let found = named(command, rest[0]); found !== undefined; found = named(command, rest[0])) {
    command = found
    rest = rest.slice(1)
  }
  // Where none is named, a group may have one that is meant.
  const meant = rest.length === 0 ? undefined : named(command, Reflect.get(command, '_defaultCommandName') as string | undefined)
  if (meant !== undefined) command = meant
  if (command.commands.length > 0) return rest.length === 0 ? null : `there is no "${rest.join(' ')}" of "${command.name()}"`
  command.exitOverride().configureOutput({ writeErr: () => {} })
  try {
    const { operands, unknown } = command.parseOptions([...rest])
    if (unknown.length > 0) return `"${unknown.join(' ')}" is not known to "${command.name()}"`
    const missing = command.options.find((option) => option.mandatory && command.getOptionValue(option.attributeName()) === undefined)
    if (missing !== undefined) return `"${missing.long}" is missing`
    const needed = command.registeredArguments.filter(({ required }) => required).length
    const most = command.registeredArguments.some(({ variadic }) => variadic)
      ? Number.POSITIVE_INFINITY
      : command.registeredArguments.length
    return operands.length >= needed && operands.length <= most
      ? null
      : `"${command.name()}" takes other arguments than "${operands.join(' ')}"`
  } catch (error) {
    return (error as Error).message
  }
}

function named(command: Command, word: string | undefined): Command | undefined {
  return command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word ?? ''))
}
