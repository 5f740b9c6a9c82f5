/** Rego files that an author names on the command line. */
import { readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { isDataFile, mergeData, readBundle, type Verification } from '../bundles/index.ts'
import type { JsonObject } from '../core/index.ts'
import { listFiles } from '../files/index.ts'
import type { RegoSources } from '../opa/index.ts'
import { defaultSources, listRego, readRegoFiles } from '../policy/index.ts'
/** A path that was named and cannot be used. */
export class SourceError extends Error {
  readonly exitCode = 66 // EX_NOINPUT of sysexits.h

  constructor(message: string) {
    super(message)
    this.name = 'SourceError'
  }
}

/**
 * Every `.rego` file named, or below a folder or in a bundle named, by its path as the author would write it.
 * `verification` is for bundles; `null` does not ask for signatures. Throws `SourceError`, `RegoError` or `BundleError`.
 */
export async function readSources(paths: readonly string[], verification: Verification | null = null): Promise<RegoSources> {
  const sources: Record<string, string> = {}
  for (const path of paths) {
    if (isBundle(path)) Object.assign(sources, await readBundled(path, verification))
    else Object.assign(sources, readRegoFiles((await regoFiles(path)).map((file) => [relative('', file), file])))
  }
  if (Object.keys(sources).length === 0) throw new SourceError(`there is no .rego file in ${paths.join(', ')}`)
  return sources
}

/** Data files below the folders named and in the bundles, as one document, as OPA reads them. Throws `SourceError` or `BundleError`. */
export async function readData(paths: readonly string[]): Promise<JsonObject> {
  let data: JsonObject = {}
  for (const path of paths) {
    const found = isBundle(path) ? await readBundledData(path) : await readFolderData(path)
    const twice = Object.keys(found).find((key) => Object.hasOwn(data, key))
    if (twice !== undefined) throw new SourceError(`data.${twice} is defined in ${path} and in another of ${paths.join(', ')}`)
    data = { ...data, ...found }
  }
  return data
}

async function readBundledData(path: string): Promise<JsonObject> {
  const bundle = await readBundle(await readFile(path), { origin: path, verification: null, reservedRoots: ['integrations'] })
  return bundle.kind === 'delta' ? {} : bundle.data
}

async function readFolderData(path: string): Promise<JsonObject> {
  if (!(await stat(path).catch(() => null))?.isDirectory()) return {}
  const files = await listFiles(path, { covers: isDataFile, deep: true })
  const contents = new Map(await Promise.all(files.map(async ({ name }) => [name, await readFile(join(path, name))] as const)))
  return mergeData({ origin: path, contents }, [''], ['integrations', 'sallyport'])
}

function isBundle(path: string): boolean {
  return /\.(?:tar\.gz|tgz|tar)$/.test(path)
}

async function readBundled(path: string, verification: Verification | null): Promise<RegoSources> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new SourceError(`${path} cannot be read: ${error.code}`)
  })
  // An author's bundle holds the default policy as well; nothing of it is activated here.
  const bundle = await readBundle(bytes, { origin: path, verification, reservedRoots: ['integrations'] })
  if (bundle.kind === 'delta') throw new SourceError(`${path} is a delta: it changes data only, and holds no rules`)
  // Where OPA has put WebAssembly into a bundle, the modules that it came from are stubs: the default policy's own count.
  const own = await defaultSources()
  const modules = Object.entries(bundle.rego).map(([name, text]) => [name.replace(/^\/+/, ''), text] as const)
  return Object.fromEntries(modules.filter(([name]) => !Object.hasOwn(own, name)))
}

async function regoFiles(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new SourceError(`${path} cannot be read: ${error.code}`)
  })
  if (!found.isDirectory()) return [path]
  return (await listRego(path)).map((name) => join(path, name))
}
