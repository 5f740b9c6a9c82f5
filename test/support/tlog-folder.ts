/** Writes a whole, valid log of the audit's format from records in memory, without the gateway's writer. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { checkpointText, rawPublicKey, signedNote, verifierKey } from '../../src/audit/note.ts'
import { leafHash, Tree } from '../../src/audit/tree/index.ts'
import { bundlePath, tilePath, tileWidth, walName } from '../../src/records/index.ts'

export interface TlogOptions {
  /** JSON objects without `seq` and `time`, or whole lines. */
  readonly records: readonly (object | string)[]
  readonly origin?: string
  readonly key?: KeyObject
  /** The checkpoint's size; what is behind it is in the write-ahead file alone. Default: all records. */
  readonly size?: number
  /** First record of the write-ahead file: what is before it is in bundles alone. Default: 0. */
  readonly walFrom?: number
  /** Milliseconds since the epoch, of the first record; each later one is a millisecond later. */
  readonly startMs?: number
}

export interface Tlog {
  readonly folder: string
  readonly origin: string
  readonly key: KeyObject
  /** As in the file `verifier-key`, without its newline. */
  readonly verifierKey: string
  /** The records as they are stored. */
  readonly lines: readonly string[]
  readonly root: Buffer
}

/** The line of a write-ahead file, with its newline. */
export function walLine(record: string): string {
  return `${crc32(record).toString(16).padStart(8, '0')} ${record}\n`
}

/** Into `folder`, which need not be there. */
export function writeTlog(folder: string, options: TlogOptions): Tlog {
  const { records, origin = 'sallyport/00000000-0000-4000-8000-000000000000', walFrom = 0, startMs = Date.UTC(2026, 0, 1) } = options
  const key = options.key ?? generateKeyPairSync('ed25519').privateKey
  const size = options.size ?? records.length
  const lines = records.map((record, seq) =>
    typeof record === 'string' ? record : JSON.stringify({ seq, time: new Date(startMs + seq).toISOString(), ...record }),
  )
  const put = (path: string, data: string | Uint8Array) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), data)
  }
  const tree = new Tree()
  for (const line of lines.slice(0, size)) tree.append(leafHash(Buffer.from(line)))
  for (const { level, index, width, hashes } of [...tree.takeFull(), ...tree.partialTiles()]) put(tilePath(level, index, width), hashes)
  for (let from = 0; from < size; from += tileWidth) {
    const bundled = lines.slice(from, Math.min(size, from + tileWidth))
    put(bundlePath(from / tileWidth, bundled.length), Buffer.concat(bundled.flatMap(entry)))
  }
  put(`wal/${walName(walFrom)}`, lines.slice(walFrom).map(walLine).join(''))
  const publicKey = rawPublicKey(key)
  const text = checkpointText({ origin, size, root: tree.root() })
  put('checkpoint', signedNote(text, origin, publicKey, sign(null, Buffer.from(text), key)))
  put('verifier-key', `${verifierKey(origin, publicKey)}\n`)
  return { folder, origin, key, verifierKey: verifierKey(origin, publicKey), lines, root: tree.root() }
}

function entry(line: string): readonly Buffer[] {
  const bytes = Buffer.from(line)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.byteLength)
  return [length, bytes]
}
