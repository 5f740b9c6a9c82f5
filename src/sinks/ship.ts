/** Ships the log to one sink, from where its cursor stands: in order, at least once, for as long as it takes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBackoff } from '../core/index.ts'
import { type LogName, readLogName, type StoredRecord } from '../records/index.ts'
import { type ClosedLog, closedLogsFrom } from './closed-logs.ts'
import { type Cursor, openCursor, type Position, readPosition } from './cursor.ts'
import { deliver } from './deliver.ts'
import { type FeedBatch, feed, readCheckpoint } from './feed.ts'
import type { Shape } from './shape.ts'
import type { Shipped, Sink } from './sink.ts'

/** What becomes a record of the log itself. */
export type SinkFact = Readonly<Record<string, string | number>>
export type SinkEvent = 'sink-refused' | 'sink-gap'

export interface Progress {
  readonly name: string
  /** Index of the first record that is not delivered; `null` before that is known. */
  readonly next: number | null
  /** When the oldest record was written that is known and not delivered; milliseconds since the epoch. */
  readonly oldestMs: number | null
  readonly shipped: number
  /** By the sink's rules or its view. */
  readonly dropped: number
  readonly refused: number
  /** Removed from the log before they were shipped. */
  readonly lost: number
  /** Attempts that failed. */
  readonly errors: number
  /** Why nothing is delivered now; `null` where all is well. */
  readonly problem: string | null
}

export interface Opened {
  readonly sink: Sink
  readonly shape: Shape
}

export interface ShippingOptions {
  readonly name: string
  /** Of the log. */
  readonly folder: string
  readonly cursorFile: string
  readonly maxRecords: number
  readonly maxBytes: number
  readonly timeoutMs: number
  /** Between two attempts. */
  readonly maxDelayMs: number
  /** Once the log's name is known. Rejects with what keeps the sink from being served, and is asked again. */
  readonly open: (log: LogName) => Promise<Opened>
  /** Resolves once the record is durable. */
  readonly note: (event: SinkEvent, facts: SinkFact) => Promise<void>
}

export interface Shipping {
  progress(): Progress
  /** Ships what is below `upTo`, and ends; within this time. */
  close(upTo: number, withinMs: number): Promise<void>
}

const firstDelayMs = 100
const failingMs = 500

export function createShipping(options: ShippingOptions): Shipping {
  const { name, folder, maxRecords, maxBytes, timeoutMs, maxDelayMs, note } = options
  const stop = new AbortController()
  const backoff = createBackoff({ minMs: Math.min(firstDelayMs, maxDelayMs), maxMs: maxDelayMs })
  const counts = { shipped: 0, dropped: 0, refused: 0, lost: 0, errors: 0 }
  const caughtUp = Promise.withResolvers<void>()
  let problem: string | null = null
  let oldestMs: number | null = null
  let cursor: Cursor | null = null
  let opened: Opened | null = null
  let until = Number.POSITIVE_INFINITY

  function failed(error: Error): void {
    counts.errors += 1
    problem = error.message
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await shipAll(stop.signal)
      } catch (error) {
        if (stop.signal.aborted) return
        failed(error as Error)
        await sleep(backoff.next(), undefined, { signal: stop.signal, ref: false }).catch(() => {})
      }
    }
  }

  async function shipAll(signal: AbortSignal): Promise<void> {
    const log = await readLogName(folder)
    cursor ??= await begin(log.origin, signal)
    opened ??= await options.open(log)
    const { next: from, checkpoint: shipped } = cursor.position
    for await (const batch of feed({ folder, from, shipped, maxRecords, maxBytes, signal })) {
      await ship(batch, cursor, opened, signal)
      if (cursor.position.next >= until) caughtUp.resolve()
    }
  }

  /** Another log than before begins at its first record, and what of the other was not shipped is not passed over in silence. */
  async function begin(origin: string, signal: AbortSignal): Promise<Cursor> {
    const known = await readPosition(options.cursorFile)
    if (known === null || known.origin === origin) return openCursor(options.cursorFile, known ?? beginningOf(origin))
    const closed = await closedLogsFrom(folder, known.origin)
    const why = 'another log is in its place: from this record on it may not be shipped'
    if (closed.length === 0) await note('sink-gap', { sink: name, origin: known.origin, from: known.next, why })
    for (const log of closed) await shipClosed(log, log.name.origin === known.origin ? known : beginningOf(log.name.origin), signal)
    return openCursor(options.cursorFile, beginningOf(origin))
  }

  /** What is left of it, and what its checkpoint covers and is not there any more is told. */
  async function shipClosed(log: ClosedLog, position: Position, signal: AbortSignal): Promise<void> {
    const at = await openCursor(options.cursorFile, position)
    const place = await options.open(log.name)
    try {
      const { next: from, checkpoint: shipped } = position
      const left = feed({ folder: log.folder, from, shipped, maxRecords, maxBytes, signal, follow: false })
      for await (const batch of left) await ship(batch, at, place, signal)
      signal.throwIfAborted()
    } finally {
      await place.sink.close()
    }
    const { origin, next } = at.position
    const size = (await readCheckpoint(log.folder))?.size ?? 0
    const why = 'the log was closed, and does not have them'
    if (next < size) await note('sink-gap', { sink: name, origin, from: next, to: size - 1, why })
    await at.flush()
  }

  async function ship({ records, checkpoint }: FeedBatch, at: Cursor, { sink, shape }: Opened, signal: AbortSignal): Promise<void> {
    oldestMs = timeOf(records[0])
    const { origin, next } = at.position
    const lost = await noteLost(next, records[0]?.index ?? next, origin)
    const shaped = shapeAll(records, shape, at.position.leftOut + lost)
    const items = checkpoint === null ? shaped.items : [...shaped.items, shape.checkpoint(checkpoint, new Date().toISOString())]
    const { refused, partlyRefused, leftOut } = await deliver(items, { sink, timeoutMs, backoff, signal, onFailure: failed })
    const refusedItems = refused.map(({ item }) => item)
    await noteRefused(refusedItems, refused.length, refused[0]?.why ?? '')
    for (const { items: some, count, why } of partlyRefused)
      await noteRefused(some, count, `${why}; which of them, the receiver does not say`)
    const refusedCount = partlyRefused.reduce((sum, { count }) => sum + count, refused.length)
    counts.lost += lost
    counts.dropped += records.length - shaped.items.length
    counts.refused += refusedCount
    counts.shipped += items.length - refusedCount
    problem = null
    oldestMs = null
    await at.move({
      origin,
      next: (records.at(-1)?.index ?? next - 1) + 1,
      leftOut: shaped.leftOut + leftOut,
      checkpoint: checkpoint?.hash ?? at.position.checkpoint,
    })
    // Nothing more may come for a long time.
    if (records.length < maxRecords) await at.flush()
  }

  async function noteLost(next: number, first: number, origin: string): Promise<number> {
    const why = 'removed from the log before they were shipped'
    if (first > next) await note('sink-gap', { sink: name, origin, from: next, to: first - 1, why })
    return Math.max(0, first - next)
  }

  /** A receiver that refuses everything would otherwise be answered with ever more records of that. */
  async function noteRefused(items: readonly Shipped[], count: number, why: string): Promise<void> {
    const told = items.filter((item) => item.kind === 'checkpoint' || item.type !== 'sink-refused')
    const records = rangesOf(told.flatMap((item) => (item.kind === 'record' ? [item.index] : [])))
    if (told.length > 0) await note('sink-refused', { sink: name, records, count: Math.min(count, told.length), why })
  }

  /** That which the log published at its end. */
  async function shipLastCheckpoint(at: Cursor, place: Opened, withinMs: number): Promise<void> {
    const checkpoint = await readCheckpoint(folder)
    if (checkpoint === null || checkpoint.hash === at.position.checkpoint || checkpoint.size > at.position.next) return
    await ship({ records: [], checkpoint }, at, place, AbortSignal.timeout(Math.ceil(withinMs)))
  }

  const running = run()

  return {
    progress: () => ({ name, next: cursor?.position.next ?? null, oldestMs, ...counts, problem }),
    async close(upTo, withinMs) {
      // A receiver that fails is tried once more: the end is not held up for it.
      const waitMs = problem === null ? withinMs : Math.min(withinMs, failingMs)
      const endMs = performance.now() + waitMs
      until = upTo
      if (cursor !== null && cursor.position.next >= upTo) caughtUp.resolve()
      await Promise.race([caughtUp.promise, sleep(waitMs, undefined, { ref: false })])
      stop.abort()
      await running
      const leftMs = endMs - performance.now()
      try {
        if (cursor !== null && opened !== null && leftMs > 0) await shipLastCheckpoint(cursor, opened, leftMs)
        await cursor?.flush()
      } catch (error) {
        // The next run ships it.
        failed(error as Error)
      }
      await opened?.sink.close()
    },
  }
}

function beginningOf(origin: string): Position {
  return { origin, next: 0, leftOut: 0, checkpoint: '' }
}

/** Without what has no place in the sink; `leftOut` stands behind the last. */
function shapeAll(
  records: readonly StoredRecord[],
  shape: Shape,
  before: number,
): { readonly items: readonly Shipped[]; readonly leftOut: number } {
  let leftOut = before
  const items = records.flatMap((stored): readonly Shipped[] => {
    const record = shape.record(stored, leftOut)
    leftOut = record === null ? leftOut + 1 : 0
    return record === null ? [] : [record]
  })
  return { items, leftOut }
}

function timeOf(record: StoredRecord | undefined): number | null {
  const time = Date.parse(/"time":"([^"\\]*)"/.exec(record?.text ?? '')?.[1] ?? '')
  return Number.isNaN(time) ? null : time
}

/** A record stays below 32 KiB. */
const maxRanges = 1000

/** `3-5,9`. */
function rangesOf(indexes: readonly number[]): string {
  const ranges: { first: number; last: number }[] = []
  for (const index of indexes) {
    const range = ranges.at(-1)
    if (range !== undefined && range.last + 1 === index) range.last = index
    else ranges.push({ first: index, last: index })
  }
  const texts = ranges.slice(0, maxRanges).map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`))
  return `${texts.join(',')}${ranges.length > maxRanges ? ',…' : ''}`
}
