/** The files of a folder that count: one list, both for reading and for watching. */
import { type BigIntStats, type Dirent, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Which files of a folder count. */
export interface FileKind {
  /** By the path below the folder. */
  readonly covers: (name: string) => boolean
  /** Folders below count as well, those that are links too. */
  readonly deep: boolean
}

export interface FolderFile {
  /** Path below the folder. */
  readonly name: string
  /** Is another one whenever the file that its name leads to is, or was written; the error's code where it leads to none. */
  readonly stamp: string
  /** When it last changed, in milliseconds since the epoch; `Infinity` where that is not known. */
  readonly changedMs: number
}

/** Beyond these a folder was named by mistake, or links lead in circles. */
const maxEntries = 100_000
/** So many are looked at between two turns of the event loop: a fraction of a millisecond. */
const filesATurn = 32
/** A folder that changes each time that it is read is taken as it was last. */
const maxReads = 5

/** The state of what a path leads to, or why it leads to nothing. Throws, or rejects, where that cannot be found out. */
type Look = (path: string) => BigIntStats | string | Promise<BigIntStats | string>

/** A tenth of the time of the other, where all is read that was found: a folder that hangs would hang the reader as well. */
const atOnce: Look = (path) => {
  try {
    return statSync(path, { bigint: true })
  } catch (error) {
    return codeOfPath(error)
  }
}
/** Where the folder hangs, only one thread waits: for callers that only look whether something is new. */
export const patiently: Look = (path) => stat(path, { bigint: true }).catch(codeOfPath)

/**
 * Sorted by name. Names that begin with `..` are left out: Kubernetes keeps the versions of a mounted ConfigMap there, and links to
 * them by plain names. Throws what the file system throws where the folder, or a file's state, cannot be told.
 */
export async function listFiles(folder: string, kind: FileKind, look: Look = atOnce): Promise<readonly FolderFile[]> {
  const found: FolderFile[] = []
  await walk({ folder, kind, look, found }, '', [])
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** What `read` returns for files that did not change meanwhile: never half of one version and half of the next. Throws what it then throws. */
export async function readSteadily<T>(folder: string, kind: FileKind, read: (files: readonly FolderFile[]) => T | Promise<T>): Promise<T> {
  let files = await listFiles(folder, kind)
  for (let reads = 1; ; reads += 1) {
    const outcome = await attempt(() => read(files))
    const now = reads < maxReads ? await listFiles(folder, kind) : files
    if (stampOf(now) === stampOf(files)) {
      if ('error' in outcome) throw outcome.error
      return outcome.value
    }
    files = now
  }
}

export function stampOf(files: readonly FolderFile[]): string {
  return files.map(({ name, stamp }) => `${name}\0${stamp}`).join('\n')
}

async function attempt<T>(work: () => T | Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}

interface Walk {
  readonly folder: string
  readonly kind: FileKind
  readonly look: Look
  readonly found: FolderFile[]
}

/** `above`: the folders that lead here, so that a link to one of them ends there. */
async function walk(walking: Walk, below: string, above: readonly string[]): Promise<void> {
  const { folder, kind, look, found } = walking
  const entries = await readdir(join(folder, below), { withFileTypes: true })
  if (found.length + entries.length > maxEntries) throw new Error(`${folder} holds more than ${maxEntries} files; give a folder of its own`)
  const folders: string[] = []
  for (const [index, entry] of entries.filter(({ name }) => !name.startsWith('..')).entries()) {
    if (index % filesATurn === filesATurn - 1) await nextTurn()
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    const isFolder = kind.deep && entry.isDirectory()
    if (isFolder) folders.push(name)
    if (isFolder || !mayCount(entry, kind, name)) continue
    const looked = look(join(folder, name))
    const state = looked instanceof Promise ? await looked : looked
    if (typeof state === 'string') {
      // It may have led to a folder. Emacs locks what it edits by a link to nothing.
      if (!entry.name.startsWith('.#')) found.push({ name, stamp: state, changedMs: Number.POSITIVE_INFINITY })
    } else if (kind.deep && state.isDirectory()) folders.push(name)
    else if (kind.covers(name)) found.push(fileOf(name, state))
  }
  for (const name of folders) {
    const { dev, ino } = await stat(join(folder, name), { bigint: true })
    const identity = `${dev}:${ino}`
    if (!above.includes(identity)) await walk(walking, name, [...above, identity])
  }
}

function mayCount(entry: Dirent, { covers, deep }: FileKind, name: string): boolean {
  return covers(name) || (deep && entry.isSymbolicLink())
}

function fileOf(name: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FolderFile {
  // Programs can set the time of the content's change (mtime), but not that of the file's own (ctime).
  return { name, stamp: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, changedMs: Number(ctimeNs / 1_000_000n) }
}

/** Errors that mean that this file cannot be read; any other (no descriptors, no memory) says nothing about the file. */
const statesOfPath = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'])

/** The code of an error that says something of the path. Throws any other. */
export function codeOfPath(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined && statesOfPath.has(code)) return code
  throw error
}
