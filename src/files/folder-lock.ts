/** One gateway per folder: the kernel's lock on a file in it, which ends with the process that holds it, however that process ends. */
import { chmodSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The folder is in use, or nothing shows that it is not. */
export class FolderLockError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FolderLockError'
  }
}

/** Of several gateways that start at once one gets the lock: each waits this long for the others to give way. */
const raceMs = 300
const busy = 5
const lockName = 'gateway.lock'

/**
 * File systems of Linux whose locks hold for all who can write there (linux/magic.h). Over a network, or from a host into a
 * virtual machine (9p, FUSE), a lock may hold on one side only.
 */
const localFileSystems = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e],
  ...[0x3153464a, 0x52654973, 0x3434, 0xf15f, 0x24051905, 0x4d44, 0x2011bab0, 0x7366746e, 0x61756673],
])
const knownOthers: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9p',
  1702057286: 'FUSE',
  12805120: 'Ceph',
  198183888: 'Lustre',
  1196443219: 'GPFS',
  1397113167: 'AFS',
  18225520: 'GFS2',
  1952539503: 'OCFS2',
}

export interface FolderLockOptions {
  /** Of the folder, as `statfs` names it; a test says another. */
  readonly fileSystemOf?: (folder: string) => number
  /** In front of the names of its files; of a folder that others read, a dot. */
  readonly prefix?: string
}

/**
 * Takes the lock of a folder that is there; the returned function gives it back, and may be called again. Nothing but the lock's
 * own file is written before it is held. Throws `FolderLockError` where another process holds it, and where it cannot be proved
 * that none does. Node's SQLite takes the lock (a POSIX record lock), since Node itself has none: its file must not be opened in
 * this process by anything else, which would release it.
 */
export function lockFolder(folder: string, { fileSystemOf = typeOf, prefix = '' }: FolderLockOptions = {}): () => void {
  requireLocal(folder, fileSystemOf)
  const file = join(folder, `${prefix}${lockName}`)
  const holder = join(folder, `${prefix}gateway.pid`)
  const database = take(file, holder)
  try {
    chmodSync(file, 0o600)
  } catch (error) {
    database.close()
    throw error
  }
  name(holder)
  return () => {
    if (database.isOpen) database.close()
  }
}

/** The transaction stays open, and with it the lock. */
function take(file: string, holder: string): DatabaseSync {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(file, { timeout: raceMs })
    // Kept in memory, what could be undone needs no disk: nothing is ever written, and a full one does not keep from the lock.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    const { errcode = 0, message } = error as Error & { errcode?: number }
    const problem =
      (errcode & 0xff) === busy
        ? `is in use by another gateway (${nameOf(holder)}): stop it, or give this one folders of its own`
        : `cannot be locked (${message}), and nothing shows that no other gateway uses it`
    throw new FolderLockError(`${file}: its folder ${problem}`, { cause: error })
  }
}

/** For people alone: who holds the lock is the kernel's business. */
function name(holder: string): void {
  try {
    writeFileSync(holder, `${process.pid} on ${hostname()}\n`, { mode: 0o600 })
  } catch {
    // The disk is full: the log, which is opened next, says so.
  }
}

/** Whether a gateway holds the folder's lock, as far as this user can see. To be asked from another process than the holder's. */
export function isFolderInUse(folder: string): boolean {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(join(folder, lockName), { readOnly: true, timeout: 0 })
    database.prepare('SELECT 1 FROM sqlite_master').all()
    return false
  } catch (error) {
    return ((error as { errcode?: number }).errcode ?? 0) % 256 === busy
  } finally {
    database?.close()
  }
}

/** Throws `FolderLockError` where a lock of the folder would prove nothing. */
export function requireLocal(folder: string, fileSystemOf: (folder: string) => number = typeOf): void {
  const type = fileSystemOf(folder)
  if (process.platform !== 'linux' || localFileSystems.has(type)) return
  const kind = knownOthers[type] ?? 'a type that is not known'
  throw new FolderLockError(
    `${folder} is on a file system (${kind}, 0x${type.toString(16)}) that does not prove that no other gateway uses the folder: put state and audit.folder on a local file system`,
  )
}

function typeOf(folder: string): number {
  return statfsSync(folder).type
}

function nameOf(holder: string): string {
  try {
    return `process ${readFileSync(holder, 'utf8').trim()}`
  } catch {
    return 'it has not said which'
  }
}
