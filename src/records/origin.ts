/** Which log a folder holds. */
import { join } from 'node:path'
import { readOrNull } from './stored-files.ts'

/** A log that was never signed is known by this. */
const unsigned = 'sallyport/unsigned'

export interface LogName {
  /** Its checkpoints bear it as well. */
  readonly origin: string
  /** What proves its checkpoints (C2SP signed-note); `null` where there are none. */
  readonly verifierKey: string | null
}

export async function readLogName(folder: string): Promise<LogName> {
  const key = (await readOrNull(join(folder, 'verifier-key')))?.toString('utf8')
  // The name ends at the last but one plus sign (C2SP signed-note).
  return { origin: key?.trim().replace(/\+[^+]*\+.*$/s, '') ?? unsigned, verifierKey: key?.trim() ?? null }
}
