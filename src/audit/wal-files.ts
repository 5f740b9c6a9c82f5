/** The descriptors of a log: the write-ahead file, its folder, and a spare descriptor for the next file. */
import { closeSync, constants, openSync, rmSync, unlinkSync } from 'node:fs'
import { devNull } from 'node:os'
import { join } from 'node:path'
import { walName } from '../records/index.ts'
import type { AppendFile } from './append-file.ts'
import { AuditError } from './audit-error.ts'

export class WalFiles {
  readonly #folder: string
  readonly #file: AppendFile
  readonly #folderDescriptor: number
  #name: string
  #descriptor: number
  /** A rotation needs one more descriptor, also when connections have taken all others. */
  #reserve: number | null

  /** `folder` is the one of the write-ahead files, `first` the index of the file's first record. Throws what the file system throws. */
  constructor(folder: string, first: number, file: AppendFile) {
    this.#folder = folder
    this.#file = file
    this.#name = walName(first)
    this.#folderDescriptor = openSync(folder, constants.O_RDONLY)
    try {
      this.#descriptor = file.open(join(folder, this.#name), false)
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
   * Begins the file of the records from `first` on. Throws what the file system throws; the file that is open can then be written
   * to as before. Throws `AuditError` where another process has written to the log: nothing may be written after that.
   */
  next(first: number, bytes: number): void {
    if (this.#file.size(this.#descriptor) !== bytes) throw new AuditError(`another process has written to ${this.#name}`)
    const name = walName(first)
    const path = join(this.#folder, name)
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
    this.#name = name
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
      // It may be there nevertheless: an empty file with records of the one before behind it.
      rmSync(path, { force: true })
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
