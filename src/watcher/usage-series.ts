/** What each integration did per minute, hour, day and month: added up as it passes, and kept as long as each window says. */
import type { DatabaseSync } from 'node:sqlite'
import { bucketNames, type LowestLevels } from '../core/index.ts'
import type { Flow, Slice } from '../watch/index.ts'
import { type UsageRow, type UsageSeries, type UsageWindow, usageWindows, windowOf, windowSettings } from '../watch/index.ts'
import type { Args } from './messages.ts'
import type { Store } from './store.ts'

export const usageTables = `
  CREATE TABLE usage_series (
    window INTEGER NOT NULL, integration TEXT NOT NULL, at INTEGER NOT NULL,
    requests INTEGER NOT NULL, denied INTEGER NOT NULL, limited INTEGER NOT NULL, failed INTEGER NOT NULL, origin_errors INTEGER NOT NULL,
    sent INTEGER NOT NULL, received INTEGER NOT NULL, ended INTEGER NOT NULL, total_ms REAL NOT NULL, max_ms REAL NOT NULL,
    PRIMARY KEY (window, integration, at)
  ) WITHOUT ROWID`

/** `*_left`: the lowest share that was left of a bucket; NULL where it is not known. */
const levelColumns = bucketNames.map((bucket) => ({
  bucket,
  column: `${bucket.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)}_left`,
}))
export const usageLevels = levelColumns.map(({ column }) => `ALTER TABLE usage_series ADD COLUMN ${column} REAL`).join('; ')

export interface UsageSeriesStore {
  take(slice: Slice): void
  /** Call it each second: every so often it is written. What could not be is tried again. */
  tick(): void
  save(): void
  /** Throws an Error that says what is wrong with the question. */
  answer(args: Args): UsageSeries
}

export interface UsageSeriesOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** A SIGKILL loses no more than this. */
  readonly saveEveryMs?: number
  /** Of one window, of all integrations together: about 120 bytes each. The oldest go first. */
  readonly maxRows?: number
  /** Of one answer. More than one integration can have of any window. */
  readonly pageRows?: number
}

/** What is counted of a minute and is not written yet. */
type Counted = { -readonly [Member in keyof UsageRow]: UsageRow[Member] }

/** Of minutes that cannot be written: beyond these, the newest are not counted. */
const maxUnwritten = 100_000
const removeEveryMs = 600_000

export function createUsageSeries(store: Store, options: UsageSeriesOptions = {}): UsageSeriesStore {
  const { now = Date.now, saveEveryMs = 10_000, maxRows = 400_000, pageRows = 20_000 } = options
  let counted = new Map<string, Counted>()
  let savedAt = Number.NEGATIVE_INFINITY
  let removedAt = Number.NEGATIVE_INFINITY

  function add(at: number, flow: Flow): Counted | undefined {
    const key = `${at} ${flow.integration}`
    let row = counted.get(key)
    if (row === undefined) {
      if (counted.size >= maxUnwritten) return undefined
      row = { ...nothing, integration: flow.integration, at }
      counted.set(key, row)
    }
    row.requests += flow.requests
    row.denied += flow.denied
    row.limited += flow.limited
    row.failed += flow.failed
    row.originErrors += flow.originErrors
    row.sentBytes += flow.sentBytes
    row.receivedBytes += flow.receivedBytes
    row.ended += flow.durationMs.count
    row.totalMs += flow.durationMs.sum
    if (flow.durationMs.max > row.maxMs) row.maxMs = flow.durationMs.max
    return row
  }

  function write(database: DatabaseSync): void {
    const insert = database.prepare(upsert)
    for (const row of counted.values())
      for (const [index, window] of usageWindows.entries())
        insert.run(
          ...[index, row.integration, windowOf(window, row.at), row.requests, row.denied, row.limited, row.failed, row.originErrors],
          ...[row.sentBytes, row.receivedBytes, row.ended, row.totalMs, row.maxMs],
          ...bucketNames.map((bucket) => row.lowest?.[bucket] ?? null),
        )
  }

  function removeOld(database: DatabaseSync): void {
    for (const [index, window] of usageWindows.entries()) {
      database.prepare('DELETE FROM usage_series WHERE window = ? AND at < ?').run(index, now() - windowSettings[window].keptMs)
      const rows = Number(database.prepare('SELECT count(*) AS rows FROM usage_series WHERE window = ?').get(index)?.['rows'])
      if (rows <= maxRows) continue
      const beyond = database.prepare('SELECT at FROM usage_series WHERE window = ? ORDER BY at DESC LIMIT 1 OFFSET ?').get(index, maxRows)
      database.prepare('DELETE FROM usage_series WHERE window = ? AND at <= ?').run(index, Number(beyond?.['at']))
    }
  }

  function flush(): void {
    if (counted.size > 0 && store.write(write)) counted = new Map()
    if (now() - removedAt < removeEveryMs) return
    removedAt = now()
    store.write(removeOld)
  }

  return {
    take({ from, flows, lowest = {} }) {
      const at = windowOf('minute', from)
      for (const flow of flows) {
        const row = add(at, flow)
        const levels = Object.hasOwn(lowest, flow.integration) ? lowest[flow.integration] : undefined
        if (row !== undefined && levels !== undefined) row.lowest = lower(row.lowest, levels)
      }
    },
    tick() {
      if (now() - savedAt < saveEveryMs) return
      savedAt = now()
      flush()
    },
    save: flush,
    answer({ window, integration = null, since = null, until = null, after = null }) {
      flush()
      const index = usageWindows.indexOf(window as UsageWindow)
      if (index < 0) throw new Error(`there is no window "${window}": there are ${usageWindows.join(', ')}`)
      const only = integration === null ? '' : 'AND integration = ?'
      const rows = store.database
        .prepare(
          `SELECT * FROM usage_series WHERE window = ? AND integration > ? ${only} AND at >= ? AND at < ? ORDER BY integration, at LIMIT ?`,
        )
        .all(
          ...[index, after === null ? '' : String(after), ...(integration === null ? [] : [String(integration)])],
          ...[since === null ? 0 : Number(since), until === null ? Number.MAX_SAFE_INTEGER : Number(until), pageRows + 1],
        )
        .map(rowOf)
      const oldest = store.database.prepare('SELECT min(at) AS oldest FROM usage_series WHERE window = ?').get(index)?.['oldest']
      return { window: window as UsageWindow, ...page(rows, pageRows), oldest: typeof oldest === 'number' ? oldest : null }
    },
  }
}

/** Whole integrations: the last one may be cut off, and comes with the next page. */
function page(rows: readonly UsageRow[], pageRows: number): Pick<UsageSeries, 'rows' | 'next'> {
  if (rows.length <= pageRows) return { rows, next: null }
  const last = rows.at(-1)?.integration
  const whole = rows.filter(({ integration }) => integration !== last)
  // One integration alone has no more windows than that, by how long each is kept.
  return { rows: whole, next: whole.at(-1)?.integration ?? null }
}

function rowOf(row: Readonly<Record<string, unknown>>): UsageRow {
  const number = (name: string) => Number(row[name])
  return {
    ...{ integration: String(row['integration']), at: number('at'), requests: number('requests'), denied: number('denied') },
    ...{ limited: number('limited'), failed: number('failed'), originErrors: number('origin_errors'), sentBytes: number('sent') },
    ...{
      receivedBytes: number('received'),
      ended: number('ended'),
      totalMs: number('total_ms'),
      maxMs: number('max_ms'),
      lowest: lowestOf(row),
    },
  }
}

function lower(known: LowestLevels | null, levels: LowestLevels): LowestLevels {
  if (known === null) return levels
  return Object.fromEntries(bucketNames.map((bucket) => [bucket, Math.min(known[bucket], levels[bucket])])) as LowestLevels
}

/** All of them are known, or none. */
function lowestOf(row: Readonly<Record<string, unknown>>): LowestLevels | null {
  if (levelColumns.some(({ column }) => typeof row[column] !== 'number')) return null
  const share = (column: string) => Number(Number(row[column]).toFixed(4))
  return Object.fromEntries(levelColumns.map(({ bucket, column }) => [bucket, share(column)])) as LowestLevels
}

const nothing = {
  ...{ requests: 0, denied: 0, limited: 0, failed: 0, originErrors: 0, sentBytes: 0, receivedBytes: 0 },
  ...{ ended: 0, totalMs: 0, maxMs: 0, lowest: null },
}

const upsert = `
  INSERT INTO usage_series VALUES (${Array(13 + bucketNames.length)
    .fill('?')
    .join(', ')}) ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, denied = denied + excluded.denied, limited = limited + excluded.limited,
    failed = failed + excluded.failed, origin_errors = origin_errors + excluded.origin_errors, sent = sent + excluded.sent,
    received = received + excluded.received, ended = ended + excluded.ended, total_ms = total_ms + excluded.total_ms,
    max_ms = max(max_ms, excluded.max_ms),
    ${levelColumns.map(({ column }) => `${column} = min(ifnull(${column}, excluded.${column}), ifnull(excluded.${column}, ${column}))`).join(', ')}`
