/** `sallyport policy eval`. */
import { readFileSync } from 'node:fs'
import { evalPolicy } from '../../authoring/index.ts'
import { loadManifests } from '../../manifests/index.ts'
import { wholeData } from '../../policy/index.ts'
import { commandCompiler } from '../compiler.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { type Granting, readGiven } from './policy-options.ts'

interface Flags extends Granting {
  readonly config?: string
  readonly input: string
  readonly query: string
  readonly explain?: boolean
  readonly engine?: 'opa' | 'gateway'
}

export async function evaluate(
  paths: readonly string[],
  { config, input, query, explain = false, engine = 'opa', grant }: Flags,
): Promise<string> {
  if (explain && engine === 'gateway')
    throw new CommandError("--explain needs OPA's interpreter: leave --engine gateway out", exitCodes.usage)
  const found = findConfig(config)
  const { integrations } = await loadManifests(found.integrationsFolder, found.defaults)
  const nothing = paths.length === 0 && found.policy.rulesFolder === null && found.policy.bundles.length === 0
  const { sources, data } = nothing ? { sources: {}, data: {} } : await readGiven(paths, config)
  const { value, error, trace } = await evalPolicy(commandCompiler(found).compile, {
    sources,
    query,
    data: wholeData(data, integrations),
    input: readInput(input),
    explain,
    engine,
    grants: grant ?? found.policy.grants.builtins,
  })
  if (error !== undefined) throw new CommandError(`${error.file === '' ? '' : `${error.file}:${error.row}: `}${error.message}`)
  const steps = (trace ?? []).map(({ file, row, op, node }) => `${`${file}:${row}`.padEnd(32)} ${op.padEnd(5)} ${node}\n`).join('')
  return `${steps}${value === undefined ? 'undefined' : JSON.stringify(value, null, 2)}\n`
}

function readInput(path: string): string {
  let text: string
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw new CommandError(`the input ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, exitCodes.usage)
  }
  try {
    JSON.parse(text)
    return text
  } catch (error) {
    throw new CommandError(`the input ${path} is not JSON: ${(error as Error).message}`, exitCodes.usage)
  }
}
