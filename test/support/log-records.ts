/** All records of a log as they are on disk now, oldest first: those of bundles, and those of write-ahead files behind them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundlePath, walName, walsAmong } from '../../src/records/index.ts'

/** The last line of a write-ahead file may be on its way: what has no end yet is no record. */
export function recordsIn(folder: string): readonly string[] {
  // Before the bundles: what is in no file of this list by then is in a bundle.
  const wals = walsAmong(readdirSync(join(folder, 'wal'))).map((first) => ({
    first,
    text: readOrNull(join(folder, 'wal', walName(first))),
  }))
  const records: string[] = []
  for (let index = 0; ; index += 1) {
    const bundle = readOrNull(join(folder, bundlePath(index)))
    if (bundle === null) break
    for (let at = 0; at < bundle.byteLength; at += 2 + bundle.readUInt16BE(at))
      records.push(bundle.toString('utf8', at + 2, at + 2 + bundle.readUInt16BE(at)))
  }
  for (const { first, text } of wals) {
    const lines = text?.toString('utf8').split('\n').slice(0, -1) ?? []
    records.push(...lines.slice(Math.max(0, records.length - first)).map((line) => line.slice(9)))
  }
  return records
}

/** As JSON lines. */
export function textOf(folder: string): string {
  return recordsIn(folder)
    .map((record) => `${record}\n`)
    .join('')
}

/** Names of the write-ahead files, oldest first. */
export function walNames(folder: string): readonly string[] {
  return walsAmong(readdirSync(join(folder, 'wal'))).map(walName)
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
