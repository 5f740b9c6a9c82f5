/** Takes bundles out of a log, or into an archive: each is whole in one of the two places, however it ends. */
import { mkdir, readFile, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeAtomically } from '../../files/index.ts'
import { bundlePath } from '../../records/index.ts'

/** What can fail, or be the last that a process does. */
export interface BundleFiles {
  readonly read: (path: string) => Promise<Buffer>
  /** With its folders; on disk when it resolves. */
  readonly write: (path: string, bytes: Buffer) => Promise<void>
  readonly remove: (path: string) => Promise<void>
}

export const bundleFiles: BundleFiles = {
  read: readFile,
  async write(path, bytes) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeAtomically(path, bytes, 0o400)
  },
  remove: unlink,
}

export interface RemoveOptions {
  readonly folder: string
  /** `null`: they are removed. */
  readonly archive: string | null
  /** Numbers of bundles: from `first` on, before `end`. */
  readonly first: number
  readonly end: number
  readonly files?: BundleFiles
}

/** Oldest first; those that are gone already are passed over. Throws what the file system throws, and what is left stays in the log. */
export async function removeBundles({ folder, archive, first, end, files = bundleFiles }: RemoveOptions): Promise<void> {
  for (let index = first; index < end; index += 1) {
    const path = bundlePath(index)
    const bytes = archive === null ? null : await orNull(files.read(join(folder, path)))
    if (archive !== null && bytes !== null) await files.write(join(archive, path), bytes)
    await orNull(files.remove(join(folder, path)))
    // Of a thousand.
    if (index % 1000 === 999 && index > 999) await rmdir(dirname(join(folder, path))).catch(() => {})
  }
}

async function orNull<T>(done: Promise<T>): Promise<T | null> {
  try {
    return await done
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
