/**
 * What watching keeps over restarts, in one file of SQLite. It is never in the way: where it cannot be written, what it would hold
 * stays in memory, and that is said; where it was removed or is damaged, it is begun again.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface StoreState {
  /** `memory`: it cannot be opened, and what is learned is lost with the process. */
  readonly kept: 'file' | 'memory'
  /** The newest of what went wrong; `null` where nothing does. */
  readonly problem: string | null
  /** Milliseconds since the epoch; what is in it was learned since then. */
  readonly since: number
}

export interface Store {
  /** Of now: it changes where the file was removed. */
  readonly database: DatabaseSync
  /** Grows with each database that is begun anew: what was prepared for the one before it is gone. */
  readonly generation: number
  /** In one transaction; `false`: it was not written, and may be tried again later. */
  write(work: (database: DatabaseSync) => void): boolean
  /** Looks after its file: call it each few seconds. */
  check(): void
  state(): StoreState
  close(): void
}

const settings = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048; PRAGMA journal_size_limit = 4194304'

/** Makes the tables of a database that has none, or older ones. Throws where it is not this program’s, or newer. */
export type Migrate = (database: DatabaseSync, now: number) => void

export function openStore(file: string, migrate: Migrate, now: () => number = Date.now): Store {
  let problem: string | null = null
  let generation = 0
  let opened = open()

  function open() {
    generation += 1
    try {
      return openFile(file, prepared)
    } catch (error) {
      problem = (error as Error).message
    }
    if (isDamage(problem)) {
      try {
        setAside(file, now())
        problem = `the store was damaged, and is begun again: ${problem}`
        return openFile(file, prepared)
      } catch (error) {
        problem = (error as Error).message
      }
    }
    return { database: prepared(new DatabaseSync(':memory:')), inode: null }
  }

  function prepared(database: DatabaseSync): DatabaseSync {
    try {
      database.exec(settings)
      migrate(database, now())
      return database
    } catch (error) {
      database.close()
      throw error
    }
  }

  function reopen(): void {
    try {
      opened.database.close()
    } catch {
      // It is given up.
    }
    opened = open()
  }

  const isRemoved = () => opened.inode !== null && inodeOf(file) !== opened.inode

  return {
    get database() {
      return opened.database
    },
    get generation() {
      return generation
    },
    write(work) {
      const { database } = opened
      try {
        database.exec('BEGIN IMMEDIATE')
        work(database)
        database.exec('COMMIT')
        if (opened.inode !== null && problem !== null && !problem.startsWith('the store was')) problem = null
        return true
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        problem = (error as Error).message
        if (isDamage(problem)) reopen()
        return false
      }
    },
    check() {
      if (isRemoved()) {
        problem = 'the store was removed, and is begun again'
        reopen()
      } else if (opened.inode === null) moveToFile()
    },
    state: () => ({ kept: opened.inode === null ? 'memory' : 'file', problem, since: sinceOf(opened.database) }),
    close: () => opened.database.close(),
  }

  /** From memory, as soon as that is possible. */
  function moveToFile(): void {
    try {
      if (existsSync(file)) return
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      opened.database.prepare('VACUUM INTO ?').run(file)
      chmodSync(file, 0o600)
    } catch {
      rmSync(file, { force: true })
      return
    }
    problem = null
    reopen()
  }
}

function openFile(file: string, prepare: (database: DatabaseSync) => DatabaseSync): { database: DatabaseSync; inode: number | null } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // SQLite gives the mode of this file to those that it makes beside it.
  if (!existsSync(file)) closeSync(openSync(file, 'wx', 0o600))
  return { database: prepare(new DatabaseSync(file, { timeout: 1000 })), inode: inodeOf(file) }
}

function sinceOf(database: DatabaseSync): number {
  return Number(database.prepare('SELECT since FROM store').get()?.['since'] ?? 0)
}

function inodeOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? null
}

function setAside(file: string, at: number): void {
  renameSync(file, `${file}.damaged-${at}`)
  for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
}

function isDamage(problem: string | null): boolean {
  return problem !== null && /malformed|not a database|disk image|newer version/.test(problem)
}
