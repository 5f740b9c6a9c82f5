/** The records of a write-ahead file as a start reads them: each must be what was written, and where it was written. */
import { isUtf8 } from 'node:buffer'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { walName, walsAmong } from '../records/index.ts'
import { damaged } from './audit-error.ts'
import { cutTornTail } from './torn-tail.ts'
import { holds, prefixBytes } from './wal-group.ts'

export interface WalRecord {
  readonly index: number
  /** Of the whole file. */
  readonly bytes: Buffer
  /** Where its line begins and ends, without the line feed. */
  readonly start: number
  readonly end: number
}

export interface PreparedWals {
  /** Index of the first record of each file; the last one is continued. */
  readonly wals: readonly number[]
  readonly walBytes: number
  /** Bytes of an incomplete last line, cut off and kept in `<file>.broken`. */
  readonly cutBytes: number
}

/** Makes the last file end with a whole line, and removes a file that was begun and never written to. Throws what the file system throws. */
export function prepareWals(folder: string): PreparedWals {
  const all = walsAmong(readdirSync(folder))
  const used = all.filter((first) => statSync(join(folder, walName(first))).size > 0)
  const wals = used.length > 0 ? used : all.slice(0, 1)
  for (const first of all) if (!wals.includes(first)) rmSync(join(folder, walName(first)))
  const last = wals.at(-1)
  if (last === undefined) return { wals: [0], walBytes: 0, cutBytes: 0 }
  const { whole, cutBytes } = cutTornTail(join(folder, walName(last)))
  return { wals, walBytes: whole.byteLength, cutBytes }
}

/** Throws `AuditError` with the line where one is not whole, not what its checksum says, or not the record that belongs there. */
export function* readWal(folder: string, first: number): Generator<WalRecord> {
  const name = `wal/${walName(first)}`
  const bytes = readOrEmpty(join(folder, name))
  const isText = isUtf8(bytes)
  let index = first
  for (let start = 0; start < bytes.byteLength; index += 1) {
    const end = bytes.indexOf(0x0a, start)
    const place = `${name}:${index - first + 1}`
    if (end < 0) throw damaged(place, 'the line is incomplete, and another file follows')
    if (!holds(bytes, start, end)) throw damaged(place, 'the record is not what its checksum says')
    if (!isText && !isUtf8(bytes.subarray(start, end))) throw damaged(place, 'the record is not UTF-8')
    const seq = /^\{"seq":(\d+),/.exec(bytes.toString('latin1', start + prefixBytes, Math.min(end, start + prefixBytes + 30)))?.[1]
    if (seq === undefined) throw damaged(place, 'this is not a record of the audit log')
    if (Number(seq) !== index)
      throw damaged(place, `record ${seq} is where record ${index} should be: two gateways wrote to the log, or it was changed`)
    yield { index, bytes, start, end }
    start = end + 1
  }
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}
