/** The files of a log, read one by one: no list of them is ever held. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { hashBytes, tileWidth } from './merkle.ts'
import { isMissing, merged, namesIn, storedIndexes } from './stored-indexes.ts'
import { tilePath } from './tile-path.ts'

export interface StoredTile {
  /** Below the log's folder. */
  readonly file: string
  readonly bytes: Buffer
}

export class LogFiles {
  readonly folder: string
  /** Where bundles are that retention has moved; `null`: nowhere. */
  readonly #archive: string | null
  /** By level: neighbours are asked for one after the other. */
  readonly #newest = new Map<number, { readonly index: number; readonly tile: StoredTile | null }>()

  constructor(folder: string, archive: string | null = null) {
    this.folder = folder
    this.#archive = archive
  }

  /** `null` where there is no such file. Throws what else the file system throws. */
  read(path: string): Buffer | null {
    return readIfThere(join(this.folder, path))
  }

  full(level: number | 'entries', index: number): StoredTile | null {
    const file = tilePath({ level, index, width: tileWidth })
    const bytes = this.read(file)
    return bytes === null ? null : { file, bytes }
  }

  /** A full bundle that was moved. */
  archived(index: number): StoredTile | null {
    const file = tilePath({ level: 'entries', index, width: tileWidth })
    const bytes = this.#archive === null ? null : readIfThere(join(this.#archive, file))
    return bytes === null ? null : { file: join(this.#archive ?? '', file), bytes }
  }

  /** Of the tiles or bundles of a level, ascending; of bundles also those that were moved. */
  indexes(level: number | 'entries'): Iterator<number> {
    const of = (folder: string) => storedIndexes(join(folder, `tile/${level}`))
    return level === 'entries' && this.#archive !== null ? merged(of(this.folder), of(this.#archive)) : of(this.folder)
  }

  /** Narrowest first. */
  partials(level: number | 'entries', index: number): readonly StoredTile[] {
    const folder = tilePath({ level, index, width: 1 }).slice(0, -2)
    return namesIn(join(this.folder, folder))
      .filter((name) => /^[1-9]\d{0,2}$/.test(name) && Number(name) < tileWidth)
      .sort((a, b) => Number(a) - Number(b))
      .flatMap((name) => {
        const bytes = this.read(`${folder}/${name}`)
        return bytes === null ? [] : [{ file: `${folder}/${name}`, bytes }]
      })
  }

  /** The hashes of a tile as they are stored: of the full one, or of the widest partial one. */
  tile(level: number, index: number): StoredTile | null {
    const kept = this.#newest.get(level)
    if (kept?.index === index) return kept.tile
    const tile = this.full(level, index) ?? this.partials(level, index).at(-1) ?? null
    this.#newest.set(level, { index, tile })
    return tile
  }

  /** The hash of a subtree of 256^level records, as it is stored. */
  hash(level: number, position: number): Buffer | null {
    const at = (position % tileWidth) * hashBytes
    const bytes = this.tile(level, Math.floor(position / tileWidth))?.bytes
    return bytes === undefined || bytes.byteLength < at + hashBytes ? null : bytes.subarray(at, at + hashBytes)
  }
}

/** A full bundle of the longest records; more of a file is never read, and is wrong by its length. */
const maxFileBytes = tileWidth * (2 + 65_535)

/** What is not a file, such as a pipe that would be waited for, is not there. */
function readIfThere(path: string): Buffer | null {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile()) return null
    const bytes = Buffer.allocUnsafe(Math.min(found.size, maxFileBytes + 1))
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.byteLength; length += read)
      read = readSync(descriptor, bytes, length, bytes.byteLength - length, null)
    return bytes.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}
