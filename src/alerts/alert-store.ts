/** Alerts and messages that wait, in the watcher's database. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Severity } from '../core/index.ts'
import { type Alert, type AlertState, isAtLeast, keyOf } from './alert.ts'
import type { Dropped, Notice } from './receiver.ts'

/** For the migration of the database that makes them. */
export const alertTables = `
  CREATE TABLE alerts (id TEXT PRIMARY KEY, key TEXT NOT NULL, state TEXT NOT NULL, last_at INTEGER NOT NULL, content TEXT NOT NULL) STRICT;
  CREATE INDEX alerts_by_key ON alerts (key, last_at);
  CREATE INDEX alerts_by_state ON alerts (state, last_at);
  CREATE TABLE outbox (seq INTEGER PRIMARY KEY, receiver TEXT NOT NULL, content TEXT NOT NULL) STRICT;
  CREATE TABLE outbox_dropped (receiver TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
`

export interface AlertFilter {
  readonly states?: readonly AlertState[]
  readonly minSeverity?: Severity
  readonly integration?: string
  readonly rule?: string
  /** Last found at or after. */
  readonly since?: number
  readonly limit?: number
}

/** What is written together, or not at all. */
export interface AlertWrites {
  readonly alerts: readonly Alert[]
  readonly queued: readonly Notice[]
  /** Messages that are taken, or given up. */
  readonly gone: readonly number[]
  /** By receiver; `null`: it was told. */
  readonly dropped: readonly (readonly [string, Dropped | null])[]
}

/** The watcher's store. */
export interface AlertDatabase {
  readonly database: DatabaseSync
  write(work: (database: DatabaseSync) => void): boolean
  state(): { readonly problem: string | null }
}

/** What reads may throw: the disk, or a file that is damaged. */
export interface AlertStore {
  /** Another object: the store was begun again, and may be empty. */
  readonly database: object
  active(): readonly Alert[]
  waiting(): readonly Notice[]
  dropped(): ReadonlyMap<string, Dropped>
  /** The newest of this key, resolved ones too. */
  newestOf(key: string): Alert | null
  byId(id: string): Alert | null
  /** The newest first. */
  list(filter: AlertFilter): readonly Alert[]
  /** `false`: none of it is written. */
  write(writes: AlertWrites): boolean
  /** Why it cannot be written. */
  problem(): string | null
  /** Resolved ones that were last found before. */
  forget(before: number): void
}

const defaultLimit = 100
const maxLimit = 1000

export function createAlertStore(store: AlertDatabase): AlertStore {
  const rows = (sql: string, ...values: SQLInputValue[]) => store.database.prepare(sql).all(...values)
  const contents = (sql: string, ...values: SQLInputValue[]) => rows(sql, ...values).map((row) => JSON.parse(String(row['content'])))

  return {
    active: () => contents("SELECT content FROM alerts WHERE state <> 'resolved' ORDER BY last_at"),
    waiting: () => contents('SELECT content FROM outbox ORDER BY seq'),
    dropped: () =>
      new Map(
        rows('SELECT receiver, content FROM outbox_dropped').map((row) => [
          String(row['receiver']),
          JSON.parse(String(row['content'])) as Dropped,
        ]),
      ),
    newestOf: (key) => contents('SELECT content FROM alerts WHERE key = ? ORDER BY last_at DESC LIMIT 1', key)[0] ?? null,
    byId: (id) => contents('SELECT content FROM alerts WHERE id = ?', id)[0] ?? null,
    list(filter) {
      const { limit = defaultLimit, since = 0, states = ['open', 'acknowledged', 'resolved'] } = filter
      const found: Alert[] = []
      const marks = states.map(() => '?').join(', ')
      const stored = store.database
        .prepare(`SELECT content FROM alerts WHERE state IN (${marks}) AND last_at >= ? ORDER BY last_at DESC`)
        .iterate(...states, since)
      for (const { content } of stored) {
        const alert: Alert = JSON.parse(String(content))
        if (matches(alert, filter)) found.push(alert)
        if (found.length >= Math.min(limit, maxLimit)) break
      }
      return found
    },
    get database() {
      return store.database
    },
    write: (writes) => store.write((database) => writeAll(database, writes)),
    problem: () => store.state().problem,
    forget: (before) =>
      void store.write((database) => database.prepare("DELETE FROM alerts WHERE state = 'resolved' AND last_at < ?").run(before)),
  }
}

function writeAll(database: DatabaseSync, { alerts, queued, gone, dropped }: AlertWrites): void {
  const saveAlert = database.prepare('INSERT OR REPLACE INTO alerts (id, key, state, last_at, content) VALUES (?, ?, ?, ?, ?)')
  for (const alert of alerts) saveAlert.run(alert.id, keyOf(alert), alert.state, alert.lastAt, JSON.stringify(alert))
  const queue = database.prepare('INSERT OR REPLACE INTO outbox (seq, receiver, content) VALUES (?, ?, ?)')
  for (const notice of queued) queue.run(notice.seq, notice.receiver, JSON.stringify(notice))
  const remove = database.prepare('DELETE FROM outbox WHERE seq = ?')
  for (const seq of gone) remove.run(seq)
  for (const [receiver, what] of dropped) {
    if (what === null) database.prepare('DELETE FROM outbox_dropped WHERE receiver = ?').run(receiver)
    else database.prepare('INSERT OR REPLACE INTO outbox_dropped (receiver, content) VALUES (?, ?)').run(receiver, JSON.stringify(what))
  }
}

export function matches(alert: Alert, { states, minSeverity, integration, rule, since = 0 }: AlertFilter): boolean {
  return (
    (states === undefined || states.includes(alert.state)) &&
    (minSeverity === undefined || isAtLeast(alert.severity, minSeverity)) &&
    (integration === undefined || alert.integration === integration) &&
    (rule === undefined || alert.rule === rule) &&
    alert.lastAt >= since
  )
}
