/** Write-ahead files: the records that may not be in a full bundle yet, each with the CRC-32 of its bytes. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Copy } from './bundle.ts'
import type { Report } from './finding.ts'
import { isFile, namesIn } from './stored-indexes.ts'

export interface WalRecord extends Copy {
  /** Its place in the log, by the file's name and what stands before it. */
  readonly index: number
  /** The CRC does not hold, or the line is not one: it was reported. */
  readonly isDamaged: boolean
}

interface OpenWal {
  readonly file: string
  readonly first: number
  readonly descriptor: number
  /** When it was opened: what is written later belongs to another verification. */
  size: number
}

const chunkBytes = 1024 * 1024
/** No record is as long: what is behind the beginning of such a line is not read. */
const maxLineBytes = 1024 * 1024
const newline = 0x0a
/** Eight hex digits and a space. */
const prefixBytes = 9

/** Those of a folder, opened at once: a gateway that runs removes one as soon as its records are in bundles. */
export class WalFiles {
  readonly #files: readonly OpenWal[]
  #end = 0

  private constructor(files: readonly OpenWal[]) {
    this.#files = files
  }

  static open(folder: string): WalFiles {
    for (;;) {
      const names = walNames(folder)
      const files: OpenWal[] = []
      try {
        for (const name of names) {
          const descriptor = openSync(join(folder, 'wal', name), constants.O_RDONLY | constants.O_NONBLOCK)
          files.push({ file: `wal/${name}`, first: Number.parseInt(name, 10), descriptor, size: 0 })
        }
        return new WalFiles(files)
      } catch (error) {
        new WalFiles(files).close()
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }

  /** Index of the first record; `null` where there is no file. */
  get first(): number | null {
    return this.#files[0]?.first ?? null
  }

  /** Takes what is there now as all there is. */
  limit(): void {
    for (const file of this.#files) file.size = fstatSync(file.descriptor).size
  }

  /** Where the records that were read end: the index of the next one, and the place where it would be. */
  get end(): { readonly index: number; readonly file: string; readonly offset: number } {
    const last = this.#files.at(-1)
    return { index: this.#end, file: last?.file ?? 'wal', offset: last?.size ?? 0 }
  }

  hasGrown(folder: string): boolean {
    const last = this.#files.at(-1)
    return walNames(folder).at(-1) !== last?.file.slice(4) || (last !== undefined && fstatSync(last.descriptor).size !== last.size)
  }

  close(): void {
    for (const { descriptor } of this.#files) closeSync(descriptor)
  }

  /** In their order, from one whose index is `from` or higher. What is wrong with lines and names is reported. */
  *records(report: Report, from = 0): Generator<WalRecord> {
    let expected = this.first ?? 0
    this.#end = expected
    for (const [at, wal] of this.#files.entries()) {
      const next = this.#files[at + 1]
      // What all of its records are too old for is not read again.
      if (next !== undefined && next.first <= from) {
        expected = next.first
        continue
      }
      if (wal.first !== expected)
        report({ file: wal.file, line: 0, offset: 0 }, `begins with record ${wal.first}, and the one before it ends before ${expected}`)
      expected = wal.first
      this.#end = expected
      for (const record of recordsOf(wal, next === undefined, report)) {
        expected = record.index + 1
        this.#end = expected
        if (record.index >= from) yield record
      }
    }
  }
}

/** What is named so, and is a file. */
function walNames(folder: string): readonly string[] {
  return namesIn(join(folder, 'wal')).filter((name) => isWalName(name) && isFile(join(folder, 'wal', name)))
}

/** No index has more than fifteen digits. */
export function isWalName(name: string): boolean {
  return /^0{5}\d{15}\.wal$/.test(name)
}

function* recordsOf(wal: OpenWal, isLast: boolean, report: Report): Generator<WalRecord> {
  let index = wal.first
  let wasDamaged = false
  for (const { bytes, line, offset, isComplete } of linesOf(wal)) {
    const place = { file: wal.file, line, offset }
    if (!isComplete) {
      // The last line of all is being written, or was torn by a crash; what the checkpoint covers is missed elsewhere.
      if (!isLast) report(place, 'is incomplete, and another file follows')
      return
    }
    const what = damageOf(bytes)
    if (what !== null) report(place, what)
    // Behind damage a line may be two, or two may be one: the next good record says itself where it stands.
    const own =
      wasDamaged && what === null ? Number(/^\{"seq":(\d{1,15})[,}]/.exec(bytes.toString('latin1', prefixBytes, 40))?.[1]) : Number.NaN
    if (own >= wal.first) index = own
    const framed = bytes.subarray(Math.min(prefixBytes - 1, bytes.byteLength))
    const recordAt = { ...place, offset: offset + Math.min(prefixBytes, bytes.byteLength) }
    yield { ...recordAt, framed: framed.byteLength > 0 ? framed : Buffer.alloc(1), index, isDamaged: what !== null }
    wasDamaged ||= what !== null
    index += 1
  }
}

function damageOf(line: Buffer): string | null {
  const prefix = line.toString('latin1', 0, prefixBytes)
  if (!/^[0-9a-f]{8} $/.test(prefix)) return 'is not a record with its checksum'
  return crc32(line.subarray(prefixBytes)) === Number.parseInt(prefix, 16) ? null : 'does not have the checksum that stands before it'
}

interface Line {
  readonly bytes: Buffer
  readonly line: number
  readonly offset: number
  readonly isComplete: boolean
}

function* linesOf({ descriptor, size }: OpenWal): Generator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  let [line, offset] = [0, 0]
  for (let read = 0; read < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size - read))
    const count = readSync(descriptor, chunk, 0, chunk.byteLength, read)
    if (count === 0) break
    read += count
    const bytes = rest.byteLength === 0 ? chunk.subarray(0, count) : Buffer.concat([rest, chunk.subarray(0, count)])
    let from = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      line += 1
      yield { bytes: bytes.subarray(from, end), line, offset: offset + from, isComplete: true }
      from = end + 1
    }
    rest = bytes.subarray(from)
    offset += from
    if (rest.byteLength > maxLineBytes) {
      yield { bytes: rest, line: line + 1, offset, isComplete: true }
      return
    }
  }
  if (rest.byteLength > 0) yield { bytes: rest, line: line + 1, offset, isComplete: false }
}
