/** Files among the tiles, bundles and write-ahead files that are not part of the log as it is now. */
import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hashAll, readBundle } from './bundle.ts'
import type { Findings } from './finding.ts'
import type { LogFiles } from './log-files.ts'
import { hashBytes, tileWidth } from './merkle.ts'
import { isFile, namesIn } from './stored-indexes.ts'
import { parseTilePath } from './tile-path.ts'
import { firstDifference } from './tree-pass.ts'
import { isWalName } from './wal.ts'

/** What a gateway that was killed leaves of a file that it was writing; the next start removes it. */
const temporary = /^\..*\.tmp$/

/** `total`: how many records the log had; `hasGrown`: it may have more by now. */
export function findLeftovers(log: LogFiles, total: number, hasGrown: () => boolean, { reportFile }: Findings): void {
  const wal = statSync(join(log.folder, 'wal'), { throwIfNoEntry: false })
  if (wal?.isDirectory() === false) reportFile('wal', 'is not a folder')
  for (const name of namesIn(log.folder))
    if (/^\d{8,}\.jsonl$/.test(name) && !isFile(join(log.folder, name))) reportFile(name, 'is not a file')
  for (const name of namesIn(join(log.folder, 'wal')))
    if (!isWal(log.folder, name) && !temporary.test(name)) reportFile(`wal/${name}`, 'is not a file of the log')
  for (const file of filesBelow(log.folder, 'tile')) {
    const path = parseTilePath(file)
    if (path === null) {
      reportFile(file, 'is not a file of the log')
      continue
    }
    const { level, index, width } = path
    const unit = tileWidth ** (level === 'entries' ? 0 : level)
    if ((index * tileWidth + width) * unit > total) {
      if (!hasGrown()) reportFile(file, `stands for records that the log does not have: it has ${total}`)
    } else if (width < tileWidth) checkOlder(file)
  }

  /** A partial tile or bundle that was left when it became full: it is the beginning of the full one. */
  function checkOlder(file: string): void {
    const { level, index, width } = parseTilePath(file) as { level: number | 'entries'; index: number; width: number }
    const full = log.full(level, index)
    const bytes = log.read(file)
    if (bytes === null) return
    if (full !== null) {
      const offset = firstDifference(bytes, full.bytes)
      const isLength =
        level === 'entries' ? readBundle(file, Buffer.from(bytes)).copies.length === width : bytes.byteLength === width * hashBytes
      if (offset < bytes.byteLength || !isLength) reportFile(file, `is not the beginning of ${full.file}`, offset)
    } else if (level === 'entries' && (index + 1) * tileWidth <= total) {
      const hashes = log.tile(0, index)?.bytes ?? Buffer.alloc(0)
      const { copies, brokenAt } = readBundle(file, Buffer.from(bytes))
      const wrong = copies.find((copy, at) => !hashAll([copy]).equals(hashes.subarray(at * hashBytes, (at + 1) * hashBytes)))
      if (brokenAt !== null || wrong !== undefined) reportFile(file, 'is not what was signed', wrong?.offset ?? brokenAt ?? 0)
    }
  }
}

function isWal(folder: string, name: string): boolean {
  return isWalName(name.replace(/\.broken$/, '')) && isFile(join(folder, 'wal', name))
}

function* filesBelow(folder: string, path: string): Generator<string> {
  for (const name of namesIn(join(folder, path))) {
    const below = `${path}/${name}`
    // A link to a folder is not followed: it may lead round in a circle, and the gateway makes none.
    const found = lstatSync(join(folder, below), { throwIfNoEntry: false })
    // A gateway that runs has removed it by now.
    if (found === undefined || temporary.test(name)) continue
    if (found.isDirectory()) yield* filesBelow(folder, below)
    else yield below
  }
}
