/** The entry bundles that a log still has: which, how large, and how old what is in them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bundlePath, tileWidth, walsAmong } from '../../records/index.ts'

export interface StoredBundles {
  /** Number of the first bundle that is there. */
  readonly first: number
  /** Behind the last one that may go: those after it are needed for a start, or are not under a checkpoint. */
  readonly end: number
  /** Bytes of each of these. */
  readonly sizes: readonly number[]
}

/** Bundles whose records no write-ahead file has any more. Sizes of `known` are not asked for again. Throws what the file system throws. */
export async function findBundles(folder: string, known: StoredBundles | null): Promise<StoredBundles> {
  const wals = walsAmong(await namesIn(join(folder, 'wal')))
  const end = Math.floor((wals[0] ?? 0) / tileWidth)
  const first = Math.min(end, known?.first ?? (await firstBundle(join(folder, 'tile/entries'))) ?? end)
  const sizes = known === null ? [] : [...known.sizes]
  for (let index = first + sizes.length; index < end; index += 1) sizes.push(await sizeOf(join(folder, bundlePath(index))))
  return { first, end, sizes: sizes.slice(0, end - first) }
}

/** One that is missing, which the verifier reports, takes no place. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0
      throw error
    },
  )
}

/** The smallest number: names of three digits in a folder come before what is in its folders `x001`, `x002`, …. `null`: there is none. */
async function firstBundle(folder: string, above = 0): Promise<number | null> {
  const names = (await namesIn(folder)).sort()
  const [own] = names.filter((name) => /^\d{3}$/.test(name))
  if (own !== undefined) return above * 1000 + Number(own)
  for (const name of names.filter((name) => /^x\d{3}$/.test(name))) {
    const found = await firstBundle(join(folder, name), above * 1000 + Number(name.slice(1)))
    if (found !== null) return found
  }
  return null
}

/** When its newest record was written; milliseconds since the epoch. `null`: it does not say. */
export async function newestIn(folder: string, index: number): Promise<number | null> {
  const bytes = await readFile(join(folder, bundlePath(index)))
  let last = bytes.subarray(0, 0)
  for (let at = 0; at + 2 <= bytes.byteLength; at += 2 + last.byteLength) last = bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at))
  const [, time = ''] = /^\{"seq":\d+,"time":"([^"]+)"/.exec(last.toString('latin1', 0, 100)) ?? []
  const writtenMs = Date.parse(time)
  return Number.isNaN(writtenMs) ? null : writtenMs
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}
