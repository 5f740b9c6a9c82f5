/** Gives a file that is whole its name: of several writers who believe the same of it, one succeeds. */
import type { Stats } from 'node:fs'
import { chmod, type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises'
import { type FileConditions, Refusal } from '../../core/index.ts'
import { isConditional, requireForWrite } from './conditions.ts'
import { etagOf, temporaryPrefix } from './file-version.ts'
import { inside } from './folder-handle.ts'

/** A claim that is older was left by a process that died. */
const staleClaimMs = 60_000

/**
 * `temporary` takes the name; `true` where nothing had it. One call at a time for each file within this process. Against
 * other processes on the folder the kernel decides: who creates the name (`link`), and who claims the version that is
 * replaced; where a file system has no hard links, the first alone. Throws `Refusal`: precondition-failed, conflict.
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

/** `null` where nothing has the name. Throws `Refusal('conflict')` where it is no regular file. */
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
    // Empty for a moment; the name is this writer's all the same.
    const placed = await open(target, 'wx', 0o600).catch((cause) => {
      throw isTaken(cause) ? tooLate() : cause
    })
    await placed.close()
    await rename(temporary, target)
  }
}

/** A second name of the version, which only one writer can make. `null` where there are no hard links. */
async function claimVersion(folder: FileHandle, target: string, version: Stats): Promise<string | null> {
  const etag = etagOf(version)
  const claim = inside(folder, `${temporaryPrefix}claim-${etag.slice(1, -1)}`)
  try {
    await link(target, claim)
  } catch (error) {
    if (hasNoLinks(error)) return null
    if (!isTaken(error)) throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? tooLate() : error
    const held = await lstat(claim).catch(() => null)
    // Linking was the last change of its inode.
    if (held !== null && Date.now() - held.ctimeMs > staleClaimMs) await rm(claim, { force: true })
    throw tooLate()
  }
  if (etagOf(await lstat(claim)) === etag) return claim
  await rm(claim, { force: true })
  throw tooLate()
}

/** Others of the host read on what they could read; a group only where it is the same one, and no set-id bits. */
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

/** FAT and some network file systems; a file of another user where the kernel protects hard links (proc_sys_fs(5)). */
function hasNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')
}
