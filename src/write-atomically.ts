/** Files of the gateway's own: whole or not there, and readable by nobody else at any moment. */
import { chmod, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A reader sees the old file or the new one, a power cut as well, and the mode holds from the first byte. Throws what the file system throws, and leaves nothing beside the file then. */
export async function writeAtomically(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = join(dirname(file), `.${process.pid}.${crypto.randomUUID()}.tmp`)
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(temporary, mode)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
