/** A log with four full bundles that may go and some records that may not, and its retention. */
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRetention, type Pruned, type RetentionOptions } from '../../src/audit/retention/index.ts'
import { bundlePath, tileWidth, walName } from '../../src/records/index.ts'
import { type Tlog, walLine, writeTlog } from './tlog-folder.ts'

export const bundles = 4
const walFrom = bundles * tileWidth

/** The record of `index` was written so many seconds after 2026 began. */
export function writeKeptLog(folder: string): Tlog {
  const records = Array.from({ length: walFrom + 10 }, (_, seq) =>
    JSON.stringify({ seq, time: new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString(), type: 'note', about: 'x'.repeat(100) }),
  )
  return writeTlog(folder, { records, walFrom })
}

/** As the gateway's writer does it: durable when it returns. */
export function recordPruned(folder: string, pruned: Pruned): void {
  const file = join(folder, 'wal', walName(walFrom))
  const seq = walFrom + readFileSync(file, 'utf8').split('\n').length - 1
  appendFileSync(file, walLine(JSON.stringify({ seq, time: new Date(Date.UTC(2026, 1, 1)).toISOString(), type: 'pruned', ...pruned })), {
    flush: true,
  })
}

/** Nothing is kept for ever, no sink, no hold: what a test says is otherwise. */
export function retentionOf(folder: string, options: Partial<RetentionOptions> = {}) {
  return createRetention({
    ...{ folder, keep: { forMs: null, bytes: null }, archive: null, wanted: () => null, heldFrom: () => null },
    record: async (pruned) => recordPruned(folder, pruned),
    ...options,
  })
}

/** Numbers of the bundles that are there. */
export function bundlesIn(folder: string): readonly number[] {
  return Array.from({ length: bundles }, (_, index) => index).filter((index) => existsSync(join(folder, bundlePath(index))))
}

/** Of every file below it. */
export const namesIn = (folder: string): readonly string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
