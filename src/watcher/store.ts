/**
 * What watching keeps over restarts, in one file of SQLite. It is never in the way: where it cannot be written, what it would hold
 * stays in memory, and that is said; where it was removed it is written again, and where it is damaged it is begun again.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface StoreState {
  /** `memory`: it cannot be opened, and what is learned is lost with the process. */
  readonly kept: 'file' | 'memory'
  /** What went wrong last; `null` where nothing did, or it is over. */
  readonly problem: string | null
  /** Milliseconds since the epoch; what is in it was learned since then. */
  readonly since: number
}

export interface Store {
  /** Of now: it is another one once the file was removed or damaged. */
  readonly database: DatabaseSync
  /** What is made of the database, made anew with it. */
  following<T extends object>(make: (database: DatabaseSync) => T): T
  /** In one transaction; `false`: it was not written, and may be tried again later. */
  write(work: (database: DatabaseSync) => void): boolean
  /** Looks after its file: call it each second. */
  check(): void
  state(): StoreState
  close(): void
}

/** Makes the tables of a database that has none, or older ones. Throws where it is not this program’s, or newer. */
export type Migrate = (database: DatabaseSync, now: number) => void

interface Opened {
  readonly database: DatabaseSync
  /** `null`: in memory. */
  readonly inode: number | null
}

const settings = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512; PRAGMA journal_size_limit = 4194304'
/** A file that cannot be written is tried again no more often. */
const retryMs = 10_000

export function openStore(file: string, migrate: Migrate, now: () => number = Date.now): Store {
  let problem: string | null = null
  /** It is over as soon as something is written. */
  let isPassing = false
  let triedAt = 0
  let opened = open()

  function open(): Opened {
    try {
      return openFile(file, prepared)
    } catch (error) {
      say((error as Error).message, true)
      if (!isDamage(error)) return inMemory()
    }
    try {
      setAside(file, now())
      const begun = openFile(file, prepared)
      say(`it was damaged, and is begun again (${problem})`)
      return begun
    } catch {
      return inMemory()
    }
  }

  function inMemory(): Opened {
    triedAt = now()
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

  function say(what: string | null, passes = false): void {
    problem = what
    isPassing = passes
  }

  function reopen(): void {
    const before = opened.database
    opened = open()
    before.close()
  }

  /** All that is known: from memory, or from a file that nobody finds any more. */
  function writeAnew(): boolean {
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
    } catch (error) {
      say((error as Error).message, true)
      return false
    }
    try {
      opened.database.prepare('VACUUM INTO ?').run(file)
      chmodSync(file, 0o600)
      return true
    } catch (error) {
      say((error as Error).message, true)
      rmSync(file, { force: true })
      return false
    }
  }

  return {
    get database() {
      return opened.database
    },
    following<T extends object>(make: (database: DatabaseSync) => T): T {
      let [of, made] = [opened.database, make(opened.database)]
      return new Proxy(made, {
        get(_, key) {
          if (of !== opened.database) [of, made] = [opened.database, make(opened.database)]
          return Reflect.get(made, key)
        },
      })
    },
    write(work) {
      const { database } = opened
      try {
        database.exec('BEGIN IMMEDIATE')
        work(database)
        database.exec('COMMIT')
        if (opened.inode !== null && isPassing) say(null)
        return true
      } catch (error) {
        // SQLite has undone it by itself where the disk is full.
        if (database.isTransaction) database.exec('ROLLBACK')
        say((error as Error).message, true)
        if (opened.inode !== null && isDamage(error)) reopen()
        return false
      }
    },
    check() {
      if (opened.inode === null ? Math.abs(now() - triedAt) < retryMs : inodeOf(file) === opened.inode) return
      triedAt = now()
      const wasInMemory = opened.inode === null
      // Somebody put another file there: that one is taken.
      if (!existsSync(file) && !writeAnew()) return
      reopen()
      if (opened.inode !== null) say(wasInMemory ? null : 'it was removed or replaced, and what is known is written again')
    },
    state: () => ({ kept: opened.inode === null ? 'memory' : 'file', problem, since: sinceOf(opened.database) }),
    close: () => opened.database.close(),
  }
}

function openFile(file: string, prepare: (database: DatabaseSync) => DatabaseSync): Opened {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // SQLite gives the mode of this file to those that it makes beside it.
  if (!existsSync(file)) closeSync(openSync(file, 'wx', 0o600))
  return { database: prepare(new DatabaseSync(file, { timeout: 1000 })), inode: inodeOf(file) }
}

function sinceOf(database: DatabaseSync): number {
  try {
    return Number(database.prepare('SELECT since FROM store').get()?.['since'] ?? 0)
  } catch {
    // The disk fails to read.
    return 0
  }
}

function inodeOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? null
}

function setAside(file: string, at: number): void {
  renameSync(file, `${file}.damaged-${at}`)
  for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
}

function isDamage(error: unknown): boolean {
  return /malformed|not a database|newer version/.test((error as Error).message)
}
