/** Files of the CA: whole or not there, and readable by nobody else at any moment. */
import { chmod, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A reader sees the old file or the new one, and the mode holds from the first byte. */
export async function writeAtomically(file: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(file), `.${process.pid}.${crypto.randomUUID()}.tmp`)
  const handle = await open(temporary, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(temporary, mode)
  await rename(temporary, file)
}
