/** One gateway a log: a lock file that names the process, and tells a living one from a number used again. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from './audit-error.ts'

/** Takes the lock; the returned function gives it back. Throws `AuditError` where a living process holds it. */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const descriptor = openSync(file, 'wx', 0o600)
      writeSync(descriptor, identityOf(process.pid) ?? `${process.pid}`)
      closeSync(descriptor)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = readHolder(file)
    const pid = Number.parseInt(holder, 10)
    if (pid !== process.pid && Number.isInteger(pid) && isAlive(pid, holder)) {
      throw new AuditError(
        `the audit log in ${folder} is in use by process ${pid}: stop it, or give this gateway a state folder of its own`,
      )
    }
    rmSync(file, { force: true })
  }
  throw new AuditError(`the lock of the audit log in ${folder} cannot be taken: another gateway starts at the same time`)
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function isAlive(pid: number, holder: string): boolean {
  const identity = identityOf(pid)
  if (identity !== null) return identity === holder
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Pid and start time: in a container the pid after a restart is the same. `null` without /proc, or without such a process; `dead` for a zombie. */
function identityOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // Dead, and only its parent has not asked yet.
    if (fields[0] === 'Z' || fields[0] === 'X') return 'dead'
    return `${pid} ${fields[19]}`
  } catch {
    return null
  }
}
