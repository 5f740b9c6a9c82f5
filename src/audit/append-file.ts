/** The calls of the log's writer that can fail; tests inject failures and crashes here. */
import { close, closeSync, constants, fstatSync, fsync, fsyncSync, open, openSync, rename, unlink, write, writev } from 'node:fs'
import { promisify } from 'node:util'

export interface AppendFile {
  /** Of the write-ahead file. `isNew`: throws EEXIST where the file is there. */
  open(path: string, isNew: boolean): number
  write(descriptor: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void): void
  /** Of a folder: the names in it survive a crash. */
  sync(descriptor: number): void
  size(descriptor: number): number
  close(descriptor: number): void
  readonly whole: WholeFiles
}

/** Of tiles, bundles and checkpoints, which are written under another name and then renamed. No request waits for them. */
export interface WholeFiles {
  /** Empty, whatever was there before. */
  create(path: string): Promise<number>
  /** Gives how many bytes were written, which then survive a crash: fewer than there are where the disk is nearly full. */
  write(descriptor: number, parts: readonly Uint8Array[]): Promise<number>
  close(descriptor: number): void
  rename(from: string, to: string): Promise<void>
  /** The names in it survive a crash. */
  syncFolder(path: string): Promise<void>
  remove(path: string): Promise<void>
}

const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_TRUNC } = constants

const openAsync = promisify(open)
const closeAsync = promisify(close)
const syncAsync = promisify(fsync)

/** Two of these files come with each 256 records: each trip to the thread pool that they do without is noticed (O_DSYNC, as below). */
const wholeFiles: WholeFiles = {
  create: (path) => openAsync(path, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC, 0o600),
  write: (descriptor, parts) =>
    new Promise((resolve, reject) => {
      writev(descriptor, parts as Uint8Array[], null, (error, written) => (error === null ? resolve(written) : reject(error)))
    }),
  // Nothing is left to be written then, so that it does not wait for the disk.
  close: closeSync,
  rename: promisify(rename),
  async syncFolder(path) {
    const descriptor = await openAsync(path, O_RDONLY)
    try {
      await syncAsync(descriptor)
    } finally {
      await closeAsync(descriptor)
    }
  },
  remove: promisify(unlink),
}

/** O_DSYNC: a write returns when its bytes are on disk, so a commit is one trip to the thread pool instead of two. */
export const realFile: AppendFile = {
  open: (path, isNew) => openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC | (isNew ? O_EXCL : 0), 0o600),
  write: (descriptor, bytes, done) => write(descriptor, bytes, 0, bytes.byteLength, null, (error, written) => done(error, written)),
  sync: fsyncSync,
  size: (descriptor) => fstatSync(descriptor).size,
  close: closeSync,
  whole: wholeFiles,
}
