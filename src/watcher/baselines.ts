/** What is usual, as the detector keeps it: one row per integration and destination. */
import type { BaselineStore } from '../detect/index.ts'
import type { Store } from './store.ts'

export const baselineTables = `
  CREATE TABLE baselines (
    integration TEXT NOT NULL, destination TEXT NOT NULL, state BLOB NOT NULL, week BLOB,
    PRIMARY KEY (integration, destination)
  ) WITHOUT ROWID`

const noWeek = new Uint8Array(0)
const bytesOf = (column: unknown): Uint8Array => (column instanceof Uint8Array ? column : noWeek)

export function createBaselines(store: Store): BaselineStore {
  const statements = store.following((database) => ({
    read: database.prepare('SELECT state, week FROM baselines WHERE integration = ? AND destination = ?'),
  }))
  let database = store.database
  let generation = 0
  return {
    generation() {
      if (database !== store.database) generation += 1
      database = store.database
      return generation
    },
    read(integration, destination) {
      const row = statements.read.get(integration, destination)
      return row === undefined ? null : { state: bytesOf(row['state']), week: bytesOf(row['week']) }
    },
    write(rows) {
      const isWritten = store.write((database) => {
        const insert = database.prepare(
          'INSERT INTO baselines VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, week = coalesce(excluded.week, week)',
        )
        for (const { integration, destination, state, week } of rows) insert.run(integration, destination, state, week)
      })
      if (!isWritten) throw new Error('the store takes nothing')
    },
    destinations: (integration) =>
      store.database
        .prepare('SELECT destination FROM baselines WHERE integration = ?')
        .all(integration)
        .map(({ destination }) => String(destination)),
  }
}
