/** Flags and output that the commands for authors share. */

import { writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { readData, readSources } from '../../authoring/index.ts'
import { persistedBundles, type Verification } from '../../bundles/index.ts'
import type { JsonObject } from '../../core/index.ts'
import type { RegoSources } from '../../opa/index.ts'
import { compose, readRules } from '../../policy/index.ts'
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

/** Rules and data of what was named; else the configuration's rules, with the rules and data of its bundles, as the gateway takes them together. */
export async function readGiven(
  paths: readonly string[],
  config: string | undefined,
  verification: Verification | null = null,
): Promise<{ readonly sources: RegoSources; readonly data: JsonObject }> {
  if (paths.length > 0) return { sources: await readSources(paths, verification), data: await readData(paths) }
  const found = findConfig(config)
  // What the gateway refuses beside rules is refused here as well.
  await readRules(found.policy.rulesFolder)
  const { bundles } = await persistedBundles(found)
  const { all, data } = compose({ integrations: [], rules: {}, bundles })
  const own = found.policy.rulesFolder === null && bundles.size > 0 ? {} : await readSources(pathsOr(paths, config), verification)
  return { sources: { ...all, ...own }, data }
}

export interface WriteOptions {
  /** Refuse a file that exists. */
  readonly exclusive?: boolean
  readonly exitCode?: number
}

/** Throws `CommandError`, in one line. */
export async function writeOutput(
  path: string,
  content: string | Uint8Array,
  { exclusive = false, exitCode }: WriteOptions = {},
): Promise<void> {
  await writeFile(path, content, { flag: exclusive ? 'wx' : 'w' }).catch(({ code }: NodeJS.ErrnoException) => {
    const problem = code === 'EEXIST' ? 'exists already, and nothing is overwritten' : `cannot be written: ${code}`
    throw new CommandError(`${path} ${problem}`, exitCode)
  })
}
