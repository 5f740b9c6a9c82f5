/** The right edge of the tree in memory: takes leaves, gives the root, and gives tiles as they become full. */
import { emptyRoot, hashBytes, nodeHash } from './hashes.ts'

export interface Tile {
  readonly level: number
  readonly index: number
  /** Hashes in it. */
  readonly width: number
  readonly hashes: Buffer
}

/** Hashes per tile, and the height of the subtree that one hash of the next level stands for. */
const width = 256
const height = 8

export class Tree {
  #size = 0
  /** By height, the root of the perfect subtree that ends at the right edge; what lies above `#size`'s bits is stale. */
  readonly #edge: Buffer[] = []
  /** By level, the hashes of the tile that is being filled. */
  readonly #filling: Buffer[] = []
  #full: Tile[] = []

  /**
   * A tree of `size` leaves. `hashesOf` gives the hashes of the last, partial tile of a level, of which there are `count`: at least
   * one, and fewer than 256.
   */
  static at(size: number, hashesOf: (level: number, count: number) => Buffer): Tree {
    const tree = new Tree()
    tree.#size = size
    for (let level = 0, left = size; left > 0; level += 1, left = Math.floor(left / width)) {
      const count = left % width
      const tile = tree.#tile(level)
      if (count > 0) hashesOf(level, count).copy(tile, 0, 0, count * hashBytes)
      for (let from = 0, bit = height - 1; bit >= 0; bit -= 1) {
        if ((count & (1 << bit)) === 0) continue
        tree.#edge[level * height + bit] = rootOf(tile, from, 1 << bit)
        from += 1 << bit
      }
    }
    return tree
  }

  /** Goes on by itself; full tiles that were not taken stay with the other. */
  copy(): Tree {
    const tree = new Tree()
    tree.#size = this.#size
    tree.#edge.push(...this.#edge)
    tree.#filling.push(...this.#filling.map((tile) => Buffer.from(tile)))
    return tree
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Buffer): void {
    let [hash, level, left] = [leaf, 0, this.#size]
    this.#put(0, this.#size, hash)
    for (; left % 2 === 1; left = (left - 1) / 2) {
      hash = nodeHash(this.#edge[level] as Buffer, hash)
      level += 1
      if (level % height === 0) this.#put(level / height, (left - 1) / 2, hash)
    }
    this.#edge[level] = hash
    this.#size += 1
  }

  root(): Buffer {
    let root: Buffer | null = null
    for (let level = 0, left = this.#size; left > 0; level += 1, left = Math.floor(left / 2)) {
      if (left % 2 === 0) continue
      const subtree = this.#edge[level] as Buffer
      root = root === null ? subtree : nodeHash(subtree, root)
    }
    return root ?? emptyRoot
  }

  /** The tiles that have become full since this was last asked, lower levels first. */
  takeFull(): readonly Tile[] {
    const full = this.#full
    this.#full = []
    return full
  }

  /** What of each level is in no full tile yet. */
  partialTiles(): readonly Tile[] {
    const tiles: Tile[] = []
    for (let level = 0, left = this.#size; left > 0; level += 1, left = Math.floor(left / width)) {
      const count = left % width
      if (count === 0) continue
      const hashes = Buffer.from(this.#tile(level).subarray(0, count * hashBytes))
      tiles.push({ level, index: Math.floor(left / width), width: count, hashes })
    }
    return tiles
  }

  #put(level: number, index: number, hash: Buffer): void {
    const tile = this.#tile(level)
    const at = index % width
    hash.copy(tile, at * hashBytes)
    if (at < width - 1) return
    this.#full.push({ level, index: Math.floor(index / width), width, hashes: tile })
    this.#filling[level] = Buffer.alloc(width * hashBytes)
  }

  #tile(level: number): Buffer {
    this.#filling[level] ??= Buffer.alloc(width * hashBytes)
    return this.#filling[level]
  }
}

/** Root of `count` hashes, a power of two, from the one at `from` on. */
export function rootOf(hashes: Buffer, from: number, count: number): Buffer {
  if (count === 1) return Buffer.from(hashes.subarray(from * hashBytes, (from + 1) * hashBytes))
  return nodeHash(rootOf(hashes, from, count / 2), rootOf(hashes, from + count / 2, count / 2))
}
