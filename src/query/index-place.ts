/** Where the index of a log is kept: never in the log's own folder, which may be evidence, and never where another user works. */
import { createHash } from 'node:crypto'
import { accessSync, constants, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIndexFolder } from './index-file.ts'

export interface IndexPlace {
  readonly folder: string
  /** It is gone when this command ends: the next one builds it anew. */
  readonly isTemporary: boolean
  remove(): void
}

/**
 * `own`: in the state folder of the gateway that writes the log, and `null` for a copy of a log. A file that root made there
 * would keep the gateway's user out: only that user's commands use it, and others use the cache of theirs.
 */
export function placeIndex(log: string, own: string | null, env: NodeJS.ProcessEnv = process.env): IndexPlace {
  // Throws what says that there is no such folder.
  const name = createHash('sha256').update(realpathSync(log)).digest('hex').slice(0, 24)
  const cache = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache')
  for (const folder of [...(own !== null && isOurs(join(own, '..')) ? [own] : []), join(cache, 'sallyport/audit-index', name)])
    if (canBeMade(folder)) return { folder, isTemporary: false, remove: () => {} }
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-index-'))
  return { folder, isTemporary: true, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function isOurs(folder: string): boolean {
  try {
    return statSync(folder).uid === process.getuid?.()
  } catch {
    return false
  }
}

function canBeMade(folder: string): boolean {
  try {
    createIndexFolder(folder)
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
