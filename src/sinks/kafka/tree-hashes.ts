/** What of the log's tree goes to the topic beside its records: hashes of those that do not, and what a consumer goes on from. */
import { Frontier } from '../../proof/index.ts'
import { readTileHashes, tileWidth } from '../../records/index.ts'

const tileHeight = 8

/** Roots of the perfect subtrees of the first `size` records, largest first; `null` where the tiles do not have them. */
export async function compactRange(folder: string, size: number): Promise<readonly Buffer[] | null> {
  const heights = [...size.toString(2)].flatMap((bit, place, bits) => (bit === '1' ? [bits.length - 1 - place] : []))
  const subtrees: Buffer[] = []
  let from = 0
  for (const height of heights) {
    const level = Math.floor(height / tileHeight)
    const hashes = await readTileHashes(folder, level, from / 2 ** (level * tileHeight), 2 ** (height % tileHeight))
    if (hashes === null) return null
    const subtree = new Frontier()
    subtree.pushAll(hashes)
    subtrees.push(subtree.root())
    from += 2 ** height
  }
  return subtrees
}

/** Leaf hashes of the records from one index to below another, by tiles; ends where the tiles have no more. */
export async function* leafHashes(
  folder: string,
  from: number,
  to: number,
): AsyncGenerator<{ readonly index: number; readonly hashes: Buffer }> {
  for (let index = from; index < to; ) {
    const end = Math.min(to, (Math.floor(index / tileWidth) + 1) * tileWidth)
    const hashes = await readTileHashes(folder, 0, index, end - index)
    if (hashes === null) return
    yield { index, hashes }
    index = end
  }
}
