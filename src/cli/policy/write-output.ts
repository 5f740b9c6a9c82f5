/** Writes the output of a command to a file. */
import { writeFile } from 'node:fs/promises'
import { CommandError } from '../exit.ts'

export interface WriteOptions {
  /** Refuse a file that exists. */
  readonly exclusive?: boolean
  readonly exitCode?: number
}

/** Throws `CommandError`, in one line. */
export async function writeOutput(
  path: string,
  content: string | Uint8Array,
  { exclusive = false, exitCode }: WriteOptions = {},
): Promise<void> {
  await writeFile(path, content, { flag: exclusive ? 'wx' : 'w' }).catch(({ code }: NodeJS.ErrnoException) => {
    const problem = code === 'EEXIST' ? 'exists already, and nothing is overwritten' : `cannot be written: ${code}`
    throw new CommandError(`${path} ${problem}`, exitCode)
  })
}
