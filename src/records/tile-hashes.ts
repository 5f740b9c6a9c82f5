/** Hashes of a log's tree, as its tiles have them. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tilePath, tileWidth } from './layout.ts'

const hashBytes = 32

/**
 * `count` hashes of a level from an index on, 32 bytes each, all of one tile; `null` where no tile has all of them, as those of
 * records that no checkpoint covers yet.
 */
export async function readTileHashes(folder: string, level: number, first: number, count: number): Promise<Buffer | null> {
  const tile = Math.floor(first / tileWidth)
  const from = (first % tileWidth) * hashBytes
  const to = from + count * hashBytes
  const whole = await readIfThere(join(folder, tilePath(level, tile)))
  if (whole !== null) return to <= whole.byteLength ? whole.subarray(from, to) : null
  const widths = (await namesIn(join(folder, `${tilePath(level, tile)}.p`))).map(Number).sort((a, b) => b - a)
  for (const width of widths) {
    const partial = await readIfThere(join(folder, tilePath(level, tile, width)))
    if (partial !== null) return to <= partial.byteLength ? partial.subarray(from, to) : null
  }
  return null
}

/** A partial tile is removed once there is a larger one. */
async function readIfThere(file: string): Promise<Buffer | null> {
  return readFile(file).catch(ifThere(null))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(ifThere([]))
}

function ifThere<T>(otherwise: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return otherwise
    throw error
  }
}
