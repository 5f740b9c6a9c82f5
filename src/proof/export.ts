/** Writes a copy of a log as it is signed now: tiles and bundles alone, as clients of C2SP tlog-tiles read them. */
import { chmodSync, constants, copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LogFiles } from './log-files.ts'
import { Frontier, hashBytes, leafHash, perfectRoot, tileWidth } from './merkle.ts'
import { ProofError } from './proof-error.ts'
import { openProver, type ProverOptions } from './prover.ts'
import { takeSnapshot } from './snapshot.ts'
import { isFile, namesIn } from './stored-indexes.ts'
import { StoredTree } from './stored-tree.ts'
import { tilePath } from './tile-path.ts'

export interface Exported {
  readonly origin: string
  readonly size: number
  /** Records that are in no file of the log; their hashes are in the copy. */
  readonly missing: number
}

/** Of the chain of before; larger than any that could be configured. */
const maxSegmentBytes = 2 * 1024 ** 3

/** Into `to`, which must not be there. Throws `ProofError` where the copy would not have the root that was signed; nothing is left of it then. */
export function exportLog(folder: string, to: string, options: ProverOptions = {}): Exported {
  const prover = openProver(folder, options)
  const log = new LogFiles(folder, options.archive)
  const { wal } = takeSnapshot(log)
  const tree = new StoredTree(log, wal)
  const { origin, size, note, root } = prover.checkpoint
  const rows: Buffer[] = []
  const frontier = new Frontier()
  let missing = 0
  let isMade = false
  const put = (path: string, bytes: string | Buffer) => {
    mkdirSync(dirname(join(to, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(to, path), bytes, { flag: 'wx', mode: 0o600 })
  }
  try {
    mkdirSync(to, { mode: 0o700 })
    isMade = true
    for (let index = 0; index * tileWidth < size; index += 1) writeBlock(index)
    for (const [level, hashes] of rows.entries()) if (hashes.byteLength > 0) put(tilePath(tileOf(level, hashes)), hashes)
    if (!frontier.root().equals(root))
      throw new ProofError('the log does not have the root that was signed: "sallyport audit verify" tells what is wrong')
    for (const name of namesIn(folder).filter((found) => /^\d{8,}\.jsonl$/.test(found) && isFile(join(folder, found)))) {
      const { size: bytes } = statSync(join(folder, name))
      if (bytes > maxSegmentBytes) throw new ProofError(`${name} has ${bytes} bytes, which no segment has`)
      copyFileSync(join(folder, name), join(to, name), constants.COPYFILE_EXCL)
      chmodSync(join(to, name), 0o600)
    }
    put('verifier-key', `${prover.key.text}\n`)
    put('checkpoint', note)
    return { origin, size, missing }
  } catch (error) {
    if (isMade) rmSync(to, { recursive: true })
    throw error
  } finally {
    prover.close()
    wal.close()
  }

  function writeBlock(index: number): void {
    const records = tree.block(index)
    const width = Math.min(tileWidth, size - index * tileWidth)
    const there = Array.from({ length: width }, (_, at) => records.get(index * tileWidth + at)).filter((record) => record !== undefined)
    missing += width - there.length
    const isWhole = there.length === width
    if (isWhole) put(tilePath({ level: 'entries', index, width }), Buffer.concat(there.flatMap((record) => [lengthOf(record), record])))
    const hashes = isWhole ? Buffer.concat(there.map(leafHash)) : log.tile(0, index)?.bytes.subarray(0, width * hashBytes)
    if (hashes?.byteLength !== width * hashBytes)
      throw new ProofError(`neither the records nor the hashes from ${index * tileWidth} on are there`)
    frontier.pushAll(hashes)
    addHashes(0, index, hashes)
  }

  function addHashes(level: number, index: number, hashes: Buffer): void {
    rows[level] = hashes
    if (hashes.byteLength < tileWidth * hashBytes) return
    put(tilePath({ level, index, width: tileWidth }), hashes)
    rows[level] = Buffer.alloc(0)
    const above = Buffer.concat([rows[level + 1] ?? Buffer.alloc(0), perfectRoot(hashes)])
    addHashes(level + 1, Math.floor(index / tileWidth), above)
  }

  function tileOf(level: number, hashes: Buffer) {
    return { level, index: Math.floor(size / tileWidth ** (level + 1)), width: hashes.byteLength / hashBytes }
  }
}

function lengthOf(record: Buffer): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(record.byteLength)
  return bytes
}
