/** The descriptors of a log: the segment that is written, its folder, and a spare descriptor for the next segment. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, unlinkSync, write } from 'node:fs'
import { devNull } from 'node:os'
import { join } from 'node:path'
import { segmentName } from '../records/index.ts'
import { AuditError } from './line.ts'

/** The calls that can fail; a test injects failures here. */
export interface AppendFile {
  /** `isNew`: throws EEXIST where the file is there. */
  open(path: string, isNew: boolean): number
  write(descriptor: number, bytes: Uint8Array, done: (error: Error | null, written: number) => void): void
  /** Of a folder: the names in it survive a crash. */
  sync(descriptor: number): void
  size(descriptor: number): number
  close(descriptor: number): void
}

const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC, O_EXCL } = constants

/** O_DSYNC: a write returns when its bytes are on disk, so a commit is one trip to the thread pool instead of two. */
export const realFile: AppendFile = {
  open: (path, isNew) => openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC | (isNew ? O_EXCL : 0), 0o600),
  write: (descriptor, bytes, done) => write(descriptor, bytes, 0, bytes.byteLength, null, (error, written) => done(error, written)),
  sync: fsyncSync,
  size: (descriptor) => fstatSync(descriptor).size,
  close: closeSync,
}

export class SegmentFiles {
  readonly #folder: string
  readonly #file: AppendFile
  readonly #folderDescriptor: number
  #segment: number
  #descriptor: number
  /** A rotation needs one more descriptor, also when connections have taken all others. */
  #reserve: number | null

  /** Throws what the file system throws. */
  constructor(folder: string, segment: number, file: AppendFile) {
    this.#folder = folder
    this.#file = file
    this.#segment = segment
    this.#folderDescriptor = openSync(folder, constants.O_RDONLY)
    try {
      this.#descriptor = file.open(join(folder, segmentName(segment)), false)
    } catch (error) {
      closeSync(this.#folderDescriptor)
      throw error
    }
    this.#reserve = reserve()
    try {
      file.sync(this.#folderDescriptor)
    } catch (error) {
      this.close()
      throw error
    }
  }

  get descriptor(): number {
    return this.#descriptor
  }

  /**
   * Begins the next segment. Throws what the file system throws; the segment that is open can then be written to as before.
   * Throws `AuditError` where another process has written to the log: nothing may be written after that.
   */
  next(segmentBytes: number): void {
    if (this.#file.size(this.#descriptor) !== segmentBytes)
      throw new AuditError(`another process has written to ${segmentName(this.#segment)}`)
    const path = join(this.#folder, segmentName(this.#segment + 1))
    const next = this.#create(path)
    try {
      // The new file's name must survive a crash as well as its bytes.
      this.#file.sync(this.#folderDescriptor)
    } catch (error) {
      this.#file.close(next)
      unlinkSync(path)
      throw error
    }
    this.#file.close(this.#descriptor)
    this.#descriptor = next
    this.#segment += 1
    this.#reserve ??= reserve()
  }

  close(): void {
    this.#file.close(this.#descriptor)
    closeSync(this.#folderDescriptor)
    if (this.#reserve !== null) closeSync(this.#reserve)
    this.#reserve = null
  }

  #create(path: string): number {
    const open = () => this.#file.open(path, true)
    try {
      return open()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw new AuditError(`another process has begun ${path}`, { cause: error })
      if (code !== 'EMFILE' || this.#reserve === null) throw error
    }
    closeSync(this.#reserve)
    this.#reserve = null
    try {
      return open()
    } catch (error) {
      // A thread may have been quicker; the next rotation tries again.
      this.#reserve = reserve()
      throw error
    }
  }
}

function reserve(): number | null {
  try {
    return openSync(devNull, constants.O_RDONLY)
  } catch {
    return null
  }
}
