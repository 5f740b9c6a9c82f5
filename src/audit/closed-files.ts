/** The files of a log that is closed: hashed, and moved into a folder of their own. */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { syncFolder } from '../files/index.ts'

/** Names of what belongs to the log; the lock, and what was closed before, do not. */
export function logFiles(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) =>
    /^(?:checkpoint|verifier-key|witnessed|wal|tile|\d{8,}\.jsonl|\d{8,}\.jsonl\.broken)$/.test(name),
  )
}

/**
 * Hex SHA-256 of what `find * -type f | LC_ALL=C sort | xargs sha256sum` prints in the closed folder: a line per file, with its
 * own SHA-256 and its path.
 */
export async function hashFiles(folder: string): Promise<string> {
  const paths = logFiles(folder).flatMap((name) => filesBelow(folder, name))
  const all = createHash('sha256')
  for (const path of paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const file = createHash('sha256')
    await pipeline(createReadStream(join(folder, path)), file)
    all.update(`${file.digest('hex')}  ${path}\n`)
  }
  return all.digest('hex')
}

function filesBelow(folder: string, name: string): readonly string[] {
  const below = (path: string): readonly string[] =>
    readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? below(`${path}/${entry.name}`) : [`${path}/${entry.name}`],
    )
  return name === 'wal' || name === 'tile' ? below(name) : [name]
}

/**
 * Moves the log into `closed-…`, and the new one, which is in `continuing-…`, into its place. Interrupted at any moment, it goes
 * on where it was: a start refuses as long as `continuing-…` is there.
 */
export async function finishMoves(folder: string, begun: string): Promise<void> {
  const continuing = join(folder, begun)
  const closed = join(folder, begun.replace('continuing', 'closed'))
  mkdirSync(closed, { recursive: true, mode: 0o700 })
  // Once this folder has moved, what is in the log's place is of the new log.
  if (readdirSync(continuing).includes('wal')) for (const name of logFiles(folder)) renameSync(join(folder, name), join(closed, name))
  await syncFolder(closed)
  await syncFolder(folder)
  for (const name of ['wal', 'verifier-key', 'checkpoint'])
    if (readdirSync(continuing).includes(name)) renameSync(join(continuing, name), join(folder, name))
  await syncFolder(folder)
  rmSync(continuing, { recursive: true })
  await syncFolder(folder)
}
