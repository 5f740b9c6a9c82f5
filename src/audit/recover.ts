/** What an earlier run left: the tree up to its full tiles, the records behind them, and whether that is what was signed. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundlePath, tilePath, tileWidth, walName } from '../records/index.ts'
import { damaged } from './audit-error.ts'
import { type Checkpoint, openCheckpoint } from './note.ts'
import { partialsFrom } from './partial-files.ts'
import { readEdge, requireSameTiles } from './recover-tiles.ts'
import { type PreparedWals, prepareWals, readWal } from './recover-wal.ts'
import { leafHashInPlace, type Tree } from './tree/index.ts'
import { createUnsettled } from './unsettled.ts'
import { prefixBytes } from './wal-group.ts'
import type { WalPosition } from './wal-reader.ts'

export interface Recovered extends PreparedWals {
  readonly checkpoint: Checkpoint
  /** Up to the last bundle that is on disk with its tiles. */
  readonly tree: Tree
  /** Of the record that comes next into the tree. */
  readonly position: WalPosition
  /** Index of the next record. */
  readonly next: number
  /** Ids that the previous run decided and never settled. */
  readonly unsettled: readonly string[]
  /** Partial tiles and bundles that are there, relative to the folder. */
  readonly partials: readonly string[]
}

/** Of a record, as far as its id. */
const headBytes = 200

/**
 * Reads the checkpoint, the tiles at the right edge, and every write-ahead file. Only an incomplete last line may be cut; anything
 * else that is wrong was changed by a person or a program. Throws `AuditError` with the file and the line.
 */
export function recover(folder: string, publicKey: Buffer): Recovered {
  const checkpoint = readCheckpoint(folder, publicKey)
  const prepared = prepareWals(join(folder, 'wal'))
  const { wals } = prepared
  const [begin = 0] = wals
  // All before this is in bundles and tiles that survive a crash, under a checkpoint that does: a file is removed only then.
  const start = Math.ceil(begin / tileWidth) * tileWidth
  if (checkpoint.size < start) throw damaged('checkpoint', 'it is older than the first write-ahead file: an older one was put back')
  const tree = readEdge(folder, start)
  requireRoot(tree, checkpoint)
  const stored = storedFrom(folder, start)
  let [kept, position]: [Tree, WalPosition | null] = [tree.copy(), null]
  const unsettled = createUnsettled()
  let next = begin
  for (const first of wals) {
    if (first !== next) throw damaged(`wal/${walName(first)}`, `record ${next} should be its first: records are missing before it`)
    for (const { index, bytes, start, end } of readWal(folder, first)) {
      next = index + 1
      unsettled.take(bytes.toString('latin1', start, Math.min(end, start + headBytes)))
      if (index === stored) position = { first, offset: start, index }
      if (index < tree.size) continue
      tree.append(leafHashInPlace(bytes, start + prefixBytes, end))
      requireRoot(tree, checkpoint)
      requireSameTiles(folder, tree.takeFull())
      if (tree.size === stored) kept = tree.copy()
    }
  }
  const last = wals.at(-1) ?? 0
  const needed = Math.max(checkpoint.size, stored)
  if (next < needed) throw damaged(`wal/${walName(last)}`, `it ends before record ${next}, and there were ${needed}: some were cut off`)
  position ??= { first: last, offset: prepared.walBytes, index: next }
  return { ...prepared, checkpoint, tree: kept, position, next, unsettled: unsettled.ids(), partials: partialsFrom(folder, start, next) }
}

function readCheckpoint(folder: string, publicKey: Buffer): Checkpoint {
  try {
    return openCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'), publicKey)
  } catch (error) {
    throw damaged('checkpoint', (error as Error).message)
  }
}

function requireRoot(tree: Tree, { size, root }: Checkpoint): void {
  if (tree.size === size && !tree.root().equals(root))
    throw damaged('checkpoint', `it signs another tree of ${size} records than tiles and write-ahead files make: records were changed`)
}

/** Index behind the last record that is in a full bundle with its tiles. */
function storedFrom(folder: string, start: number): number {
  let index = start / tileWidth
  while (existsSync(join(folder, bundlePath(index))) && hasTiles(folder, index)) index += 1
  return index * tileWidth
}

/** The tile of these records, and those of higher levels that end with it. */
function hasTiles(folder: string, index: number): boolean {
  for (let [level, tile] = [0, index]; ; [level, tile] = [level + 1, Math.floor(tile / tileWidth)]) {
    if (!existsSync(join(folder, tilePath(level, tile)))) return false
    if ((tile + 1) % tileWidth !== 0) return true
  }
}
