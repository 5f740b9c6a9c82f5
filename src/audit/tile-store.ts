/** Writes the files of the tree: whole or not at all, and on disk when it says so. */
import { mkdirSync, rmdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { WholeFiles } from './append-file.ts'

/** Relative to the log's folder. */
export interface WholeFile {
  readonly path: string
  readonly parts: readonly Uint8Array[]
}

export class TileStore {
  readonly #folder: string
  readonly #files: WholeFiles

  constructor(folder: string, files: WholeFiles) {
    this.#folder = folder
    this.#files = files
  }

  /** Its bytes are on disk when it resolves, and its name once `syncNames` was called for it. Throws what the file system throws. */
  async put({ path, parts }: WholeFile): Promise<void> {
    const file = join(this.#folder, path)
    const temporary = join(dirname(file), `.${basename(file)}.tmp`)
    const descriptor = await this.#create(temporary)
    try {
      await this.#writeAll(descriptor, parts)
    } finally {
      this.#files.close(descriptor)
    }
    await this.#files.rename(temporary, file)
  }

  /** The names of these files survive a crash, and those of the folders that they are in. */
  async syncNames(paths: readonly string[]): Promise<void> {
    const folders = new Set<string>()
    for (const path of paths) for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
    for (const folder of folders) await this.#files.syncFolder(join(this.#folder, folder))
  }

  /** Nothing where it is not there. */
  async remove(path: string): Promise<void> {
    try {
      await this.#files.remove(join(this.#folder, path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Where nothing is left in it. */
  removeFolderIfEmpty(path: string): void {
    try {
      rmdirSync(join(this.#folder, path))
    } catch {
      // It is in use, or gone.
    }
  }

  async #create(path: string): Promise<number> {
    try {
      return await this.#files.create(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    return this.#files.create(path)
  }

  async #writeAll(descriptor: number, parts: readonly Uint8Array[]): Promise<void> {
    let left = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
    for (let rest = parts; left > 0; ) {
      const written = await this.#files.write(descriptor, rest)
      if (written === 0) throw new Error('the disk takes nothing')
      left -= written
      if (left > 0) rest = [Buffer.concat(rest).subarray(written)]
    }
  }
}
