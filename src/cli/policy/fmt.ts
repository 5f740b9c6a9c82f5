/** `sallyport policy fmt`: files rewritten in OPA’s one format, or standard input, as editors use it. */
import { readFileSync } from 'node:fs'
import { formatPolicy, readSources } from '../../authoring/index.ts'
import { commandCompiler } from '../compiler.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { writeOutput } from './policy-options.ts'

const stdinName = '<stdin>'

/** `paths` is `-` alone, or files and folders. `print` gets the formatted text, or the name of each file that changed. */
export async function fmt(paths: readonly string[], check: boolean, print: (text: string) => void): Promise<void> {
  if (paths.includes('-')) return fmtStdin(paths, check, print)
  const bundle = paths.find((path) => /\.(?:tar\.gz|tgz|tar)$/.test(path))
  if (bundle !== undefined) throw new CommandError(`${bundle} is a bundle: format its sources, then build it again`, exitCodes.usage)
  const changed = Object.entries(await formatPolicy(commandCompiler().compile, await readSources(paths)))
  for (const [name, text] of changed) {
    if (!check) await writeOutput(name, text)
    print(`${name}\n`)
  }
  if (check && changed.length > 0)
    throw new CommandError(`not formatted: run "sallyport policy fmt ${changed.map(([name]) => name).join(' ')}"`)
}

async function fmtStdin(paths: readonly string[], check: boolean, print: (text: string) => void): Promise<void> {
  if (paths.length > 1) throw new CommandError('"-" is standard input and cannot be combined with files', exitCodes.usage)
  const text = readFileSync(0, 'utf8')
  const changed = await formatPolicy(commandCompiler().compile, { [stdinName]: text })
  const formatted = changed[stdinName] ?? text
  if (!check) print(formatted)
  else if (formatted !== text) throw new CommandError('not formatted')
}
