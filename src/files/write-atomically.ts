/** Writes the gateway's own files and folders: whole or not at all, after a power cut too, and never readable by another user. */
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a process that was killed leaves behind has such a name. */
export const temporaryName = /^\.\d+\.[0-9a-f-]{36}\.tmp$/

/**
 * A reader sees the old file or the new one, and the mode holds from the first byte. On disk when it resolves. Throws what the file
 * system throws, and leaves nothing beside the file then.
 */
export function writeAtomically(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  return takeName(file, async (temporary) => {
    await writeSynced(temporary, content, mode)
    await chmod(temporary, mode)
  })
}

/** A folder for the owner alone that has everything `fill` wrote by `writeSynced`, or is not there. Throws as `writeAtomically`, where it is there already as well. */
export function createFolderAtomically(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  return takeName(folder, async (temporary) => {
    await mkdir(temporary, { mode: 0o700 })
    await fill(temporary)
    await syncFolder(temporary)
  })
}

/** A new file, whose bytes are on disk when it resolves; its name is on disk once its folder is synced. */
export async function writeSynced(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Which names are in it is on disk when it resolves. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Not every file system can.
    if (!['EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}

async function takeName(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${process.pid}.${crypto.randomUUID()}.tmp`)
  try {
    await make(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
  await syncFolder(dirname(path))
}
