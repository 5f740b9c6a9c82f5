/** Reads records back from the write-ahead files, for what was not kept in memory. */
import { join } from 'node:path'
import { readLines, walName } from '../records/index.ts'
import { groupOf, type WalGroup } from './wal-group.ts'

/** In a write-ahead file, the place of a record. */
export interface WalPosition {
  /** Of the file. */
  readonly first: number
  readonly offset: number
  /** Of the record. */
  readonly index: number
}

export class WalReader {
  readonly #folder: string
  #position: WalPosition

  /** `position`: of a record at or before the first that will be asked for. */
  constructor(folder: string, position: WalPosition) {
    this.#folder = folder
    this.#position = position
  }

  /** Some records from `from` on and before `end`, at least one. `wals`: the files there are. Throws what the file system throws. */
  async read(from: number, end: number, wals: readonly number[]): Promise<WalGroup> {
    const first = wals.findLast((first) => first <= from) ?? 0
    let at = this.#position
    if (at.first !== first || at.index > from) at = { first, offset: 0, index: first }
    while (true) {
      const bytes = await readLines(join(this.#folder, walName(at.first)), at.offset)
      if (bytes === null || bytes.byteLength === 0) throw new Error(`record ${from} is not in ${walName(at.first)}`)
      const { ends } = groupOf(at.index, bytes)
      const read = { ...at, offset: at.offset + bytes.byteLength, index: at.index + ends.length }
      if (read.index > from) {
        if (read.index <= end) this.#position = read
        return groupOf(from, bytes.subarray(startOf(ends, from - at.index), startOf(ends, Math.min(ends.length, end - at.index))))
      }
      at = read
    }
  }
}

function startOf(ends: readonly number[], line: number): number {
  return line === 0 ? 0 : (ends[line - 1] as number) + 1
}
