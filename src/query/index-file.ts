/**
 * The file that an index is in. It is never repaired: one that is damaged, of another version or of another log is given up for
 * a new one, under the next number. SQLite removes files by their names when it closes: a name must not come back while
 * another process still has the file of before open.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { applicationId, schemaVersion, settings, tables } from './schema.ts'

export interface IndexFile {
  readonly number: number
  readonly database: DatabaseSync
}

/** Another command that writes holds SQLite's lock for the length of one group. */
const busyMs = 20_000
const lockPollMs = 50

export function createIndexFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
}

/** The newest that can be used; `null` where there is none. `problem`: why the newest cannot be used. */
export function openNewest(folder: string, cacheMiB: number): { readonly file: IndexFile | null; readonly problem: string | null } {
  const number = newestNumber(folder)
  if (number === 0) return { file: null, problem: null }
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(pathOf(folder, number), { timeout: busyMs })
    database.exec(settings(cacheMiB))
    const [application, version] = [pragma(database, 'application_id'), pragma(database, 'user_version')]
    if (application === applicationId && version === schemaVersion) return { file: { number, database }, problem: null }
    database.close()
    return { file: null, problem: application === applicationId ? `it is of version ${version}` : 'it is not an index' }
  } catch (error) {
    if (database?.isOpen === true) database.close()
    if (isBusy(error)) throw error
    return { file: null, problem: (error as Error).message }
  }
}

/** Under the lock of `lockBuilding`. */
export function createNext(folder: string, cacheMiB: number): IndexFile {
  const number = newestNumber(folder) + 1
  const path = pathOf(folder, number)
  // SQLite gives the mode of this file to those that it makes beside it.
  closeSync(openSync(path, 'wx', 0o600))
  const database = new DatabaseSync(path, { timeout: busyMs })
  database.exec(settings(cacheMiB))
  database.exec(`BEGIN; ${tables}; COMMIT`)
  for (const name of readdirSync(folder)) {
    const older = numberIn(name)
    if (older > 0 && older < number) rmSync(join(folder, name), { force: true })
  }
  return { number, database }
}

export function newestNumber(folder: string): number {
  return Math.max(0, ...readdirSync(folder).map(numberIn))
}

/**
 * One process at a time brings an index up to date; the lock ends with its process. Gives what gives it back. `onWait`: another
 * process has it.
 */
export async function lockBuilding(folder: string, onWait: () => void, signal?: AbortSignal): Promise<() => void> {
  for (let waits = 0; ; waits += 1) {
    const lock = new DatabaseSync(join(folder, 'building'), { timeout: 0 })
    try {
      lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
      return () => lock.close()
    } catch (error) {
      lock.close()
      if (!isBusy(error)) throw error
    }
    if (waits === 0) onWait()
    await sleep(lockPollMs, undefined, signal === undefined ? {} : { signal })
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name]
}

function pathOf(folder: string, number: number): string {
  return join(folder, `index-${number}.sqlite`)
}

/** 0 where the name is not one of an index. */
function numberIn(name: string): number {
  return Number(/^index-(\d+)\.sqlite(?:-wal|-shm|-journal)?$/.exec(name)?.[1] ?? 0)
}

function isBusy(error: unknown): boolean {
  return (((error as { errcode?: number }).errcode ?? 0) & 0xff) === 5
}
