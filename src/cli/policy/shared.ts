/** What the commands for authors have. */
import { type Command, Option } from 'commander'
import type { Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'

export interface Granting {
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grant?: readonly string[]
}

export function addGrantOption(command: Command): Command {
  const option = new Option('--grant <builtin...>', 'functions that rules may call although they reach out; else the configuration’s')
  return command.addOption(option.choices(['http.send', 'net.lookup_ip_addr', 'opa.runtime']))
}

/** What was granted on the command line, else by the configuration that is used. */
export function grantsOf(paths: readonly string[], { grant, config }: Shared & Granting): readonly string[] {
  if (grant !== undefined) return grant
  return paths.length > 0 && config === undefined ? [] : findConfig(config).policy.grants.builtins
}

/** What was named, else the configuration's rules. */
export function pathsOr(paths: readonly string[], config: string | undefined): readonly string[] {
  if (paths.length > 0) return paths
  const { file, policy } = findConfig(config)
  if (policy.rulesFolder === null) throw new CommandError(`name a file or folder of rules; ${file} has no policy.rules`)
  return [policy.rulesFolder]
}
