/** The files below a folder as a bundle's files; links lead nowhere but into the folder itself. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { type FileKind, type FolderFile, readSteadily } from '../../files/index.ts'
import type { BundleFiles } from './bundle.ts'
import { BundleError, normalizeName } from './bundle-error.ts'
import { defaultMaxBytes } from './read-archive.ts'

/** All files in it. */
export const bundleFiles: FileKind = { covers: () => true, deep: true }

/** Throws `BundleError`. `folder` is absolute. */
export async function readFolder(folder: string, maxBytes: number = defaultMaxBytes): Promise<BundleFiles> {
  try {
    const contents = await readSteadily(folder, bundleFiles, (files) => readContents(folder, files, maxBytes))
    if (contents.size === 0) throw new BundleError(folder, null, 'holds no file; expected the files of a bundle')
    return { origin: folder, contents }
  } catch (error) {
    if (error instanceof BundleError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new BundleError(folder, null, `cannot be read: ${code ?? message}`)
  }
}

async function readContents(folder: string, files: readonly FolderFile[], maxBytes: number): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>()
  let bytes = 0
  const top = await realpath(folder)
  for (const { name } of files) {
    const spelled = normalizeName(name)
    if ('problem' in spelled) throw new BundleError(folder, null, spelled.problem)
    const file = await realpath(join(folder, name))
    if (!file.startsWith(top + sep)) throw new BundleError(folder, name, 'is a link that leads out of the folder; copy the file in')
    const { size } = await regular(file, folder, name)
    bytes += size
    if (bytes > maxBytes) throw new BundleError(folder, null, `holds more than ${maxBytes} bytes; split the bundle or raise its limit`)
    contents.set(spelled.name, await readFile(file))
  }
  return contents
}

/** A pipe or a device would be waited for. */
async function regular(file: string, folder: string, name: string) {
  const stats = await stat(file)
  if (!stats.isFile()) throw new BundleError(folder, name, 'is not a regular file; a bundle holds plain files only')
  return stats
}
