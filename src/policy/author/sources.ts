/** Rego files that an author names on the command line. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type RegoSources, readRego } from '../build.ts'

/** A path that was named and cannot be used. */
export class SourceError extends Error {
  readonly exitCode = 66 // EX_NOINPUT of sysexits.h

  constructor(message: string) {
    super(message)
    this.name = 'SourceError'
  }
}

/** Every `.rego` file named, or below a folder named, by its path as the author would write it. Throws `SourceError`. */
export async function readSources(paths: readonly string[]): Promise<RegoSources> {
  const sources: Record<string, string> = {}
  for (const path of paths) for (const file of await regoFiles(path)) sources[relative('', file)] = await readFile(file, 'utf8')
  if (Object.keys(sources).length === 0) throw new SourceError(`there is no .rego file in ${paths.join(', ')}`)
  return sources
}

async function regoFiles(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new SourceError(`${path} cannot be read: ${error.code}`)
  })
  if (!found.isDirectory()) return [path]
  const names = await readdir(path, { recursive: true })
  return names
    .filter((name) => name.endsWith('.rego'))
    .sort()
    .map((name) => join(path, name))
}

/** The default policy's own modules, without its tests: authors' rules are compiled together with them. */
export async function defaultSources(): Promise<RegoSources> {
  const all = await readRego(join(import.meta.dirname, '../../../rego/sallyport'), 'sallyport/')
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.endsWith('_test.rego')))
}
