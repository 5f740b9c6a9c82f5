/** Gives a completely written file its name: of several writers with the same preconditions, one succeeds. */
import type { Stats } from 'node:fs'
import { chmod, type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises'
import { type FileConditions, Refusal } from '../../core/index.ts'
import { isConditional, requireForWrite } from './conditions.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { inside } from './folder-handle.ts'

/** An older claim was left by a process that died. */
const staleClaimMs = 60_000

/**
 * Renames `temporary` to `name`; answers `true` if nothing had that name. One call at a time per file within this process. Among
 * several processes the kernel decides: which one creates the name (`link`), and which one claims the version that is replaced;
 * without hard links, only the former. Throws `Refusal`: precondition-failed, conflict.
 */
export async function replaceFile(folder: FileHandle, name: string, temporary: string, conditions: FileConditions): Promise<boolean> {
  const replaced = await currentFile(folder, name)
  requireForWrite(conditions, replaced)
  const target = inside(folder, name)
  if (replaced === null) {
    if (isConditional(conditions)) await createName(target, temporary)
    else await rename(temporary, target)
  } else {
    await keepMode(temporary, replaced)
    const claim = isConditional(conditions) ? await claimVersion(folder, target, replaced) : null
    try {
      await rename(temporary, target)
    } finally {
      if (claim !== null) await rm(claim, { force: true })
    }
  }
  await folder.sync()
  return replaced === null
}

/** `null` if nothing has the name. Throws `Refusal('conflict')` if it is not a regular file. */
export async function currentFile(folder: FileHandle, name: string): Promise<Stats | null> {
  const found = await lstat(inside(folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found !== null && !found.isFile()) throw new Refusal('conflict', 'what is there is not a regular file')
  return found
}

async function createName(target: string, temporary: string): Promise<void> {
  try {
    await link(temporary, target)
  } catch (error) {
    if (isTaken(error)) throw tooLate()
    if (!hasNoLinks(error)) throw error
    // The file is empty for a moment, but its name belongs to this writer.
    const placed = await open(target, 'wx', 0o600).catch((cause) => {
      throw isTaken(cause) ? tooLate() : cause
    })
    await placed.close()
    await rename(temporary, target)
  }
}

/** Claims the version by a second name, which only one writer can create. `null` if there are no hard links. */
async function claimVersion(folder: FileHandle, target: string, version: Stats): Promise<string | null> {
  const etag = etagOf(version)
  const claim = inside(folder, `${temporaryPrefix}claim-${etag.slice(1, -1)}`)
  try {
    await link(target, claim)
  } catch (error) {
    if (hasNoLinks(error)) return null
    if (!isTaken(error)) throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? tooLate() : error
    const held = await lstat(claim).catch(() => null)
    // The claim's link was the last change of its inode.
    if (held !== null && Date.now() - held.ctimeMs > staleClaimMs) await rm(claim, { force: true })
    throw tooLate()
  }
  if (etagOf(await lstat(claim)) === etag) return claim
  await rm(claim, { force: true })
  throw tooLate()
}

/** Keeps the mode, so that other users of the host can still read the file: the group's part only if the group is the same, and no set-id bits. */
async function keepMode(path: string, { mode, gid }: Stats): Promise<void> {
  const { gid: own } = await lstat(path)
  await chmod(path, mode & (own === gid ? 0o777 : 0o707))
}

function tooLate(): Refusal {
  return new Refusal('precondition-failed', 'another writer was first')
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST'
}

/** On FAT and some network file systems; also for another user's file if the kernel protects hard links (proc_sys_fs(5)). */
function hasNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')
}
