/** The files below a folder as a bundle's files; links lead nowhere but into the folder itself. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { BundleFiles } from './bundle.ts'
import { BundleError } from './bundle-error.ts'
import { normalizeName } from './file-name.ts'
import { defaultMaxBytes } from './read-archive.ts'

const maxEntries = 100_000

/** Throws `BundleError`. `folder` is absolute. */
export async function readFolder(folder: string, maxBytes: number = defaultMaxBytes): Promise<BundleFiles> {
  const contents = new Map<string, Uint8Array>()
  let bytes = 0
  try {
    const top = await realpath(folder)
    for (const name of (await listFiles(folder, '')).sort()) {
      const spelled = normalizeName(name)
      if ('problem' in spelled) throw new BundleError(folder, null, spelled.problem)
      const file = await realpath(join(folder, name))
      if (!file.startsWith(top + sep)) throw new BundleError(folder, name, 'is a link that leads out of the folder; copy the file in')
      const { size } = await regular(file, folder, name)
      bytes += size
      if (bytes > maxBytes) throw new BundleError(folder, null, `holds more than ${maxBytes} bytes; split the bundle or raise its limit`)
      contents.set(spelled.name, await readFile(file))
    }
  } catch (error) {
    if (error instanceof BundleError) throw error
    throw new BundleError(folder, null, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  }
  if (contents.size === 0) throw new BundleError(folder, null, 'holds no file; expected the files of a bundle')
  return { origin: folder, contents }
}

/** A pipe or a device would be waited for. */
async function regular(file: string, folder: string, name: string) {
  const stats = await stat(file)
  if (!stats.isFile()) throw new BundleError(folder, name, 'is not a regular file; a bundle holds plain files only')
  return stats
}

async function listFiles(folder: string, below: string, found: string[] = []): Promise<string[]> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    // Kubernetes keeps the versions of a mounted ConfigMap in `..data` and its like, and links to them by plain names.
    if (entry.name.startsWith('..')) continue
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) await listFiles(folder, name, found)
    else found.push(name)
    if (found.length > maxEntries) throw new BundleError(folder, null, `holds more than ${maxEntries} files; split the bundle`)
  }
  return found
}
