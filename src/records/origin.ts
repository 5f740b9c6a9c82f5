/** Which log a folder holds. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A log that was never signed is known by this. */
const unsigned = 'sallyport/unsigned'

/** The name of the log, which its checkpoints bear as well. */
export async function readOrigin(folder: string): Promise<string> {
  const key = await readFile(join(folder, 'verifier-key'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return unsigned
    throw error
  })
  // The name ends at the last but one plus sign (C2SP signed-note).
  return key.trim().replace(/\+[^+]*\+.*$/s, '')
}
