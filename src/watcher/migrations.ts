/** The tables of the store, version by version: each owner states its own beside what uses them. */
import type { DatabaseSync } from 'node:sqlite'
import { alertTables } from '../alerts/index.ts'
import { baselineTables } from './baselines.ts'
import { destinationTables } from './destinations.ts'
import { usageLevels, usageTables } from './usage-series.ts'

/** "SLPW" */
const applicationId = 0x534c5057

/** One entry per version; what was published is never changed. */
const versions: readonly string[] = [
  `CREATE TABLE store (since INTEGER NOT NULL); ${destinationTables}; ${alertTables}`,
  usageTables,
  baselineTables,
  usageLevels,
]

/** Throws where the file is another program’s, or of a newer version of this one. */
export function migrate(database: DatabaseSync, now: number): void {
  const has = pragma(database, 'user_version')
  const application = pragma(database, 'application_id')
  if (has > versions.length) throw new Error(`the store is of a newer version (${has}) than this program knows`)
  if (has > 0 && application !== applicationId) throw new Error('file is not a database of watching')
  for (const [index, tables] of versions.entries()) {
    if (index < has) continue
    database.exec(`BEGIN; ${tables}; PRAGMA user_version = ${index + 1}; PRAGMA application_id = ${applicationId}; COMMIT`)
    if (index === 0) database.prepare('INSERT INTO store (since) VALUES (?)').run(now)
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
}
