/** The compiler of a command, and where it keeps what it built: never where a gateway of another user does. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import {
  type Compile,
  commandFolders,
  createCompile,
  createLibrarySource,
  type LibrarySource,
  libraryIn,
  openWorkFolder,
} from '../opa/index.ts'

/** The newest answers, of about 1 MB each. */
const maxPolicies = 20

export interface CommandCompiler {
  readonly compile: Compile
  readonly library: LibrarySource
  /** Compiled rules, tested where they have tests. `null`: nothing can be written anywhere. */
  readonly cacheFolder: string | null
}

/** `null`: the command has no configuration. `onMissing`: of the library of built-in functions, which some calls need. */
export function commandCompiler(config: Config | null = null, onMissing?: (problem: string) => void): CommandCompiler {
  const folders = commandFolders(config?.state)
  return { compile: createCompile(folders), library: createLibrarySource(libraryIn(folders), onMissing), cacheFolder: policiesIn(folders) }
}

function policiesIn(folders: ReturnType<typeof commandFolders>): string | null {
  try {
    const folder = join(openWorkFolder(folders), 'policies')
    prune(folder)
    return folder
  } catch {
    return null
  }
}

function prune(folder: string): void {
  if (!existsSync(folder)) return
  const kept = readdirSync(folder)
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .toSorted((a, b) => b.at - a.at)
  for (const { path } of kept.slice(maxPolicies)) rmSync(path, { recursive: true, force: true })
}
