/** OPA's Go packages as WebAssembly: built from rego/compiler on first need, then kept by the hash of what they were built from. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { libraryHook } from '../builtins/index.ts'
import { meter } from '../wasm/index.ts'
import { type CompilerFolders, commandFolders, isOwn, openWorkFolder, packagedFolder } from './folders.ts'
import { buildWithGo } from './go.ts'

const sourceFolder = join(import.meta.dirname, '../../../rego/compiler')

interface Program {
  readonly name: string
  /** Below rego/compiler. */
  readonly package: string
  readonly arguments: readonly string[]
  readonly finish: (wasm: Uint8Array) => Uint8Array
}

/** Compiles, tests and formats Rego; one run per request. */
export const compiler: Program = { name: 'rego-compiler', package: '.', arguments: [], finish: (wasm) => wasm }
/** The built-in functions; stays loaded, and is metered like a policy. */
export const builtinLibrary: Program = {
  name: 'rego-builtins',
  package: './builtins',
  arguments: ['-buildmode=c-shared'],
  finish: (wasm) => meter(wasm, libraryHook),
}

/** The path of a program; builds it where none was built before. Throws an error that says where it was looked for and what failed. */
export async function programPath(program: Program, folders: CompilerFolders = commandFolders()): Promise<string> {
  const name = nameOf(program)
  const found = folders.built.map((folder) => ({ folder, path: join(folder, name) })).find(isUsable)
  if (found !== undefined) return found.path
  try {
    return await build(program, name, folders)
  } catch (error) {
    throw new Error(`${program.name} was not built before (looked in ${folders.built.join(', ')}), and ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** What another user could have put there is not run. */
function isUsable({ folder, path }: { readonly folder: string; readonly path: string }): boolean {
  return existsSync(path) && (folder === packagedFolder || (isOwn(folder) && isOwn(path)))
}

/** Two processes may build at once: each in a folder of its own, and the rename is atomic. */
async function build(program: Program, name: string, folders: CompilerFolders): Promise<string> {
  const work = openWorkFolder(folders)
  const scratch = await mkdtemp(join(work, 'build-'))
  try {
    const output = join(scratch, 'program.wasm')
    await buildWithGo([...program.arguments, '-o', output, program.package], sourceFolder, work === folders.userCache ? null : scratch)
    await writeFile(output, program.finish(await readFile(output)))
    // Whatever the umask is: others may read it, and write it only where we may not use it.
    await chmod(output, 0o644)
    const target = join(work, name)
    await rename(output, target)
    return target
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function nameOf({ name }: Program): string {
  return `${name}-${hashOfSources()}.wasm`
}

function hashOfSources(): string {
  const hash = createHash('sha256')
  const names = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name))
  for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(join(sourceFolder, name)))
  for (const own of ['meter.ts', 'opcodes.ts', 'leb.ts', 'sections.ts'])
    hash.update(readFileSync(join(import.meta.dirname, '../wasm', own)))
  return hash.digest('hex').slice(0, 16)
}
