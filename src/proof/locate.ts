/** Where a log was changed whose records do not give the root that was signed: the stored hashes say which records are not theirs. */
import { blocksOf } from './blocks.ts'
import { hashAll } from './bundle.ts'
import type { Report } from './finding.ts'
import type { LogFiles } from './log-files.ts'
import { Frontier, type Head, hashBytes, perfectRoot, tileWidth } from './merkle.ts'
import { firstDifference } from './tree-pass.ts'
import type { WalFiles } from './wal.ts'

/** `false`: no level of stored hashes gives that root either. */
export function locate(log: LogFiles, wal: WalFiles, head: Head, report: Report): boolean {
  const level = rightLevel(log, head)
  if (level === null) return false
  const truth = new Truth(log, level, head.size)
  const reportFile = (file: string, what: string, offset = 0) => report({ file, line: 0, offset }, what)
  for (const { index, from, copies } of blocksOf(log, wal, head.size, () => {})) {
    const width = Math.min(copies.length, head.size - from)
    const trusted = truth.tile(0, index, width)
    const files = [...new Set(copies.flatMap((all) => all.map(({ file }) => file)))]
    if (trusted !== null) {
      for (const [at, all] of copies.slice(0, width).entries()) {
        const expected = trusted.subarray(at * hashBytes, (at + 1) * hashBytes)
        for (const copy of all) if (!hashAll([copy]).equals(expected)) report(copy, `is not the record ${from + at} that was signed`)
      }
      continue
    }
    const expected = truth.hash(1, index)
    const above = log.tile(1, Math.floor(index / tileWidth))
    if (expected === null) {
      // Which of them were changed cannot be told: the hashes of all are not those that were signed.
      if (above !== null) reportFile(above.file, 'is not what was signed, and records that it stands for may have been changed')
      continue
    }
    const leaves = hashAll(copies.flatMap((all) => all.slice(0, 1)).slice(0, tileWidth))
    const tile = log.tile(0, index)
    const isRight = leaves.byteLength === tileWidth * hashBytes && perfectRoot(leaves).equals(expected)
    if (isRight && tile !== null) reportFile(tile.file, notItsHash, firstDifference(tile.bytes, leaves))
    else if (!isRight)
      for (const file of [...files, ...(tile === null ? [] : [tile.file])])
        reportFile(file, `records ${from} to ${from + width - 1} are not those that were signed: ${above?.file} has another hash for them`)
  }
  const wrong = new Set<string>()
  for (let above = level + 1; log.tile(above, 0) !== null; above += 1) checkLevel(log, above, head.size, wrong, report)
  return true
}

const notItsHash = 'is not the hash of what it stands for'

/** Of a level above one that is right; what is wrong on a level says nothing of the next. `wrong`: the tiles that are. */
function checkLevel(log: LogFiles, level: number, size: number, wrong: Set<string>, report: Report): void {
  const places = log.indexes(level - 1)
  for (let place = places.next(); place.done !== true; place = places.next()) {
    const position = place.value
    if ((position + 1) * tileWidth ** level > size) return
    const below = log.full(level - 1, position)
    const tile = log.tile(level, Math.floor(position / tileWidth))
    const offset = (position % tileWidth) * hashBytes
    if (below === null || wrong.has(below.file) || tile === null || tile.bytes.byteLength < offset + hashBytes) continue
    const found = firstDifference(tile.bytes.subarray(offset, offset + hashBytes), perfectRoot(below.bytes))
    if (found === hashBytes) continue
    wrong.add(tile.file)
    report({ file: tile.file, line: 0, offset: offset + found }, notItsHash)
  }
}

/** The lowest level whose stored hashes give the root. */
function rightLevel(log: LogFiles, { size, root }: Head): number | null {
  for (let level = 0; tileWidth ** level <= size; level += 1) if (rootAbove(log, level, size)?.equals(root) === true) return level
  return null
}

/** The root by what is stored on a level, and on lower ones for what is behind its last hash. */
function rootAbove(log: LogFiles, top: number, size: number): Buffer | null {
  const frontier = new Frontier()
  for (let level = top; level >= 0; level -= 1) {
    const unit = tileWidth ** level
    while (frontier.size + unit <= size) {
      const position = frontier.size / unit
      const hash = log.hash(level, position)
      if (hash === null) return null
      frontier.push(hash, level * 8)
    }
  }
  return frontier.root()
}

/** What a level of stored hashes that gives the root says of the levels below it. */
class Truth {
  readonly #log: LogFiles
  readonly #level: number
  readonly #size: number

  constructor(log: LogFiles, level: number, size: number) {
    this.#log = log
    this.#level = level
    this.#size = size
  }

  /** `null`: it cannot be known. */
  hash(level: number, position: number): Buffer | null {
    const tile = this.tile(level, Math.floor(position / tileWidth), (position % tileWidth) + 1)
    const at = (position % tileWidth) * hashBytes
    return tile === null ? null : tile.subarray(at, at + hashBytes)
  }

  /** The hashes of a tile, at least `width` of them. */
  tile(level: number, index: number, width: number): Buffer | null {
    const stored = this.#log.tile(level, index)
    const isLongEnough = stored !== null && stored.bytes.byteLength >= width * hashBytes
    if (!isLongEnough) return null
    // What is behind the last whole tile has given the root itself.
    if (level >= this.#level || (index + 1) * tileWidth ** (level + 1) > this.#size) return stored.bytes
    const expected = stored.bytes.byteLength === tileWidth * hashBytes ? this.hash(level + 1, index) : null
    return expected !== null && perfectRoot(stored.bytes).equals(expected) ? stored.bytes : null
  }
}
