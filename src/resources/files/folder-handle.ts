/**
 * Walks below a root without ever leaving it: each folder is opened relative to the handle of the one before, and no
 * symbolic link is followed. Nothing is checked first and used later, so swapping a folder in between gains nothing (CVE-2026-49401).
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** The path of `name` in an open folder, through the kernel's table of this process's descriptors. */
export function inside(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`
}

/** The folder's own path by its handle. */
export function itself(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`
}

/** A handle of the folder at `segments` below `root`; the caller closes it. Throws what `open` throws (ENOENT, ELOOP, ENOTDIR). */
export async function openFolder(root: string, segments: readonly string[]): Promise<FileHandle> {
  // The operator chose the root, and may use links on the way to it.
  let folder = await open(root, constants.O_RDONLY | constants.O_DIRECTORY)
  for (const segment of segments) {
    try {
      const next = await open(inside(folder, segment), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
      await folder.close()
      folder = next
    } catch (error) {
      await folder.close()
      throw error
    }
  }
  return folder
}

/** A flag of open(2) that Node has no constant for. */
const O_PATH = 0o10000000

/**
 * A regular file or a folder, open for reading; the caller closes it. The entry's type is checked before it is opened: opening a
 * pipe would wake its writer, and opening some devices has an effect. Throws ENOENT for those and for links.
 */
export async function openEntry(folder: FileHandle, name: string): Promise<FileHandle> {
  const looked = await open(inside(folder, name), O_PATH | constants.O_NOFOLLOW)
  try {
    const stats = await looked.stat()
    if (!stats.isFile() && !stats.isDirectory()) throw Object.assign(new Error('neither a file nor a folder'), { code: 'ENOENT' })
    return await open(itself(looked), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } finally {
    await looked.close()
  }
}
