/** The tiles of an earlier run: the right edge of the tree is read from them, and those that a start makes again must be the same. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tilePath, tileWidth } from '../records/index.ts'
import { damaged } from './audit-error.ts'
import { hashBytes, rootOf, type Tile, Tree } from './tree/index.ts'

/** `size`: a multiple of 256, up to which all tiles are there. Throws `AuditError` where one is not. */
export function readEdge(folder: string, size: number): Tree {
  return Tree.at(size, (level, count) => {
    const end = Math.floor(size / tileWidth ** level)
    return Buffer.concat(Array.from({ length: count }, (_, nth) => rootOf(readTile(folder, level - 1, end - count + nth), 0, tileWidth)))
  })
}

export function requireSameTiles(folder: string, tiles: readonly Tile[]): void {
  for (const { level, index, hashes } of tiles)
    if (existsSync(join(folder, tilePath(level, index))) && !readTile(folder, level, index).equals(hashes))
      throw damaged(tilePath(level, index), 'it does not hold the hashes of its records')
}

function readTile(folder: string, level: number, index: number): Buffer {
  const path = tilePath(level, index)
  try {
    const tile = readFileSync(join(folder, path))
    if (tile.byteLength === tileWidth * hashBytes) return tile
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw damaged(path, 'it is missing')
  }
  throw damaged(path, 'it is not a whole tile')
}
