/** A log's records, 256 at a time, each with every copy of it that the folder has. */
import { type Copy, readBundle } from './bundle.ts'
import type { Report } from './finding.ts'
import type { LogFiles } from './log-files.ts'
import { tileWidth } from './merkle.ts'
import { merged } from './stored-indexes.ts'
import { tilePath } from './tile-path.ts'
import type { WalFiles, WalRecord } from './wal.ts'

export interface Block {
  /** Of the tile. */
  readonly index: number
  /** Of its first record. */
  readonly from: number
  /** For each record its copies, the one that counts first; none where the record is in no file. */
  readonly copies: readonly (readonly Copy[])[]
  /** The bundle was read where retention has moved it. */
  readonly isArchived: boolean
  /** The bundle is broken, which was reported: what is read from it behind that need not be a record. */
  readonly isBroken: boolean
}

/**
 * The blocks of which the folder has anything, up to `size`, and behind it what the write-ahead files have. What cannot be read as
 * records is reported, a record that is nowhere is not, and a block that is nowhere is passed over.
 */
export function* blocksOf(log: LogFiles, wal: WalFiles, size: number, report: Report): Generator<Block> {
  const walRecords = wal.records(report)
  let next = walRecords.next()
  const stored = merged(log.indexes('entries'), log.indexes(0))
  let place = stored.next()
  for (let index = 0; ; index += 1) {
    while (place.done !== true && place.value < index) place = stored.next()
    const known = place.done !== true && place.value * tileWidth < size ? place.value : Number.POSITIVE_INFINITY
    index = Math.max(index, Math.min(known, next.done === true ? known : Math.floor(next.value.index / tileWidth)))
    if (index === Number.POSITIVE_INFINITY) return
    const from = index * tileWidth
    const logged: WalRecord[] = []
    for (; next.done !== true && next.value.index < from + tileWidth; next = walRecords.next())
      if (next.value.index >= from) logged.push(next.value)
    yield block(log, index, logged, size, report)
  }
}

function block(log: LogFiles, index: number, logged: readonly WalRecord[], size: number, report: Report): Block {
  const from = index * tileWidth
  const full = log.full('entries', index)
  const archived = full === null && logged.length === 0 ? log.archived(index) : null
  const stored = full ?? archived
  const bundles = stored === null ? log.partials('entries', index) : [stored]
  let isBroken = false
  const lists = bundles.map(({ file, bytes }) =>
    entriesOf(file, bytes, (place, what) => {
      isBroken = true
      report(place, what)
    }),
  )
  const byWal = new Map(logged.map((record) => [record.index - from, record]))
  const width = Math.max(
    Math.min(tileWidth, size - from),
    ...lists.map(({ length }) => length),
    (logged.at(-1)?.index ?? from - 1) - from + 1,
  )
  const copies = Array.from({ length: width }, (_, at) => {
    const fromWal = byWal.get(at)
    const found = stored === null ? [fromWal, ...lists.map((list) => list[at])] : [lists[0]?.[at], fromWal]
    const there = found.filter((copy): copy is Copy | WalRecord => copy !== undefined)
    // A line whose checksum does not hold counts where nothing else does.
    return fromWal?.isDamaged === true ? [...there.filter((copy) => copy !== fromWal), fromWal] : there
  })
  return { index, from, copies, isArchived: archived !== null, isBroken }
}

function entriesOf(file: string, bytes: Buffer, report: Report): readonly Copy[] {
  const { copies, brokenAt } = readBundle(file, bytes)
  const width = Number(/\.p\/(\d+)$/.exec(file)?.[1] ?? tileWidth)
  if (brokenAt !== null) report({ file, line: 0, offset: brokenAt }, 'is not a bundle from here on: a length does not fit what follows')
  else if (copies.length !== width)
    report({ file, line: 0, offset: bytes.byteLength }, `has ${copies.length} records where ${width} belong`)
  return copies.slice(0, width)
}

export const bundleFile = (index: number): string => tilePath({ level: 'entries', index, width: tileWidth })
