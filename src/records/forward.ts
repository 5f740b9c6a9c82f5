/** The bytes of records in their order, while the log is written: from full bundles, and behind them from write-ahead files. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Entry, entriesOfBundle, entriesOfWal } from './entries.ts'
import { bundlePath, bundlesAmong, tileWidth, walName } from './layout.ts'
import { orNull, readLines, readOrNull, walsOf } from './stored-files.ts'

export interface ReadOptions {
  /** Index of the first record; default 0. */
  readonly from?: number
  /** Waits for what is written later, until `signal`. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

const pollMs = 200
const bundlesAtOnce = 8

/**
 * Some thousand records at a time. Ends where the log ends now, unless it follows. Records that were removed are left out. Throws
 * what `readdir` throws of the folder.
 */
export async function* readEntries(folder: string, { from = 0, follow = false, signal }: ReadOptions): AsyncGenerator<readonly Entry[]> {
  const reader = new Reader(folder, from)
  while (signal?.aborted !== true) {
    const entries = await reader.read()
    if (entries.length > 0) yield entries
    else if (await reader.skipRemoved()) continue
    else if (!follow) return
    else await sleep(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  }
}

/** A write-ahead file, and how far it has been read. */
interface OpenWal {
  readonly first: number
  offset: number
  /** Of the record at `offset`. */
  index: number
}

class Reader {
  readonly #folder: string
  #next: number
  #wal: OpenWal | null = null

  constructor(folder: string, next: number) {
    this.#folder = folder
    this.#next = next
  }

  /** The next records; empty where none are there. */
  async read(): Promise<readonly Entry[]> {
    const found = (await this.#readWal()) ?? []
    if (found.length > 0) return found
    // Before bundles are looked at: what is in no file of this list by then is in a bundle.
    const first = (await walsOf(this.#folder)).findLast((first) => first <= this.#next)
    if (this.#wal !== null && this.#wal.first === first) return []
    this.#wal = null
    const bundled = await this.#readBundles()
    if (bundled.length > 0 || first === undefined) return bundled
    this.#wal = { first, offset: 0, index: first }
    return (await this.#readWal()) ?? []
  }

  /** Goes on behind records that are there no longer; `false` where the log ends here. */
  async skipRemoved(): Promise<boolean> {
    if (this.#wal !== null) return false
    const here = Math.floor(this.#next / tileWidth)
    const bundle = await readOrNull(join(this.#folder, bundlePath(here)))
    if (bundle !== null) {
      // It was made meanwhile; or it is damaged, and what follows is in the next one.
      if (entriesOfBundle(bundle, here * tileWidth).length <= this.#next % tileWidth) this.#next = (here + 1) * tileWidth
      return true
    }
    const names = (await orNull(readdir(join(this.#folder, 'tile/entries'), { recursive: true }))) ?? []
    const kept = bundlesAmong(names).find((index) => index > here)
    const first = kept === undefined ? (await walsOf(this.#folder))[0] : kept * tileWidth
    if (first === undefined || first <= this.#next) return false
    this.#next = first
    return true
  }

  /** `null` where no file is open, or where it was removed meanwhile. */
  async #readWal(): Promise<readonly Entry[] | null> {
    for (let wal = this.#wal; wal !== null; ) {
      const lines = await readLines(join(this.#folder, 'wal', walName(wal.first)), wal.offset)
      if (lines === null) break
      const entries = entriesOfWal(lines, wal.index)
      wal.offset += lines.byteLength
      wal.index += entries.length
      const wanted = entries.slice(Math.max(0, this.#next - (wal.index - entries.length)))
      this.#next += wanted.length
      if (wanted.length > 0 || entries.length === 0) return wanted
    }
    this.#wal = null
    return null
  }

  async #readBundles(): Promise<readonly Entry[]> {
    const from = Math.floor(this.#next / tileWidth)
    const paths = Array.from({ length: bundlesAtOnce }, (_, nth) => join(this.#folder, bundlePath(from + nth)))
    const bundles = await Promise.all(paths.map(readOrNull))
    const entries: Entry[] = []
    for (const [nth, bundle] of bundles.entries()) {
      if (bundle === null) break
      const found = entriesOfBundle(bundle, (from + nth) * tileWidth)
      entries.push(...found)
      // Of a damaged one there is no more, and what it does not have is passed over.
      if (found.length < tileWidth) break
    }
    const wanted = entries.slice(this.#next % tileWidth)
    this.#next += wanted.length
    return wanted
  }
}
