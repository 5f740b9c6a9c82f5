/** Which destinations each integration has used: what makes a use its first. */
import { randomInt } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { type Flow, hashText, notDestinations, type Slice } from '../watch/index.ts'
import type { Store } from './store.ts'

export const destinationTables = `
  CREATE TABLE destinations (
    integration TEXT NOT NULL, destination TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    PRIMARY KEY (integration, destination)
  ) WITHOUT ROWID`

export interface KnownDestination {
  readonly destination: string
  /** Milliseconds since the epoch. */
  readonly firstAt: number
  readonly lastAt: number
}

export interface Destinations {
  /** The slice, with what is a first use; and known from now on. */
  mark(slice: Slice): Slice
  of(integration: string): readonly KnownDestination[]
  /** What could not be written is tried again. */
  save(): void
}

/** Of these a look into the store is not needed. */
const maxRecent = 100_000
/** What is known of an integration at most: the one that was not used for longest is forgotten. */
const maxPerIntegration = 10_000
/** When a destination was used last is written once in this time. */
const freshMs = 3600_000

const none: ReadonlySet<string> = new Set(Object.values(notDestinations))

export function createDestinations(store: Store): Destinations {
  const [high, low] = [randomInt(2 ** 32), randomInt(2 ** 32)]
  /** By a hash that nobody outside can guess: 50,000 names take a fifth of the memory. */
  const recent = new Set<number>()
  const unwritten = new Map<number, readonly [integration: string, destination: string, at: number]>()
  let clearedAt = Number.NEGATIVE_INFINITY

  function hashOf(integration: string, destination: string): number {
    const text = `${integration}\n${destination}`
    return (hashText(text, high) % 2 ** 21) * 2 ** 32 + hashText(text, low)
  }

  const statements = store.following((database) => ({
    find: database.prepare('SELECT 1 FROM destinations WHERE integration = ? AND destination = ?'),
  }))

  const isKnown = ({ integration, destination }: Flow) => statements.find.get(integration, destination) !== undefined

  /** What is counted as used: at least one request that was let through. */
  const isUse = ({ requests, denied, limited, destination }: Flow) => requests > denied + limited && !none.has(destination)

  function isFirst(flow: Flow, at: number): boolean {
    if (!isUse(flow)) return false
    const hash = hashOf(flow.integration, flow.destination)
    if (recent.has(hash)) return false
    const isFirstUse = !unwritten.has(hash) && !isKnown(flow)
    recent.add(hash)
    if (unwritten.size < maxRecent) unwritten.set(hash, [flow.integration, flow.destination, at])
    return isFirstUse
  }

  function write(database: DatabaseSync): void {
    const insert = database.prepare(
      'INSERT INTO destinations VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at)',
    )
    const touched = new Set<string>()
    for (const [integration, destination, at] of unwritten.values()) {
      insert.run(integration, destination, at, at)
      touched.add(integration)
    }
    const forget = database.prepare(
      `DELETE FROM destinations WHERE integration = ?1 AND destination IN (
         SELECT destination FROM destinations WHERE integration = ?1 ORDER BY last_at DESC LIMIT -1 OFFSET ${maxPerIntegration})`,
    )
    for (const integration of touched) forget.run(integration)
  }

  return {
    mark({ from, to, flows }) {
      const at = Math.round(to)
      if (recent.size >= maxRecent || Math.abs(at - clearedAt) >= freshMs) {
        recent.clear()
        clearedAt = at
      }
      const marked = (flow: Flow) => {
        const isFirstUse = isFirst(flow, at)
        return flow.isFirstUse === isFirstUse ? flow : { ...flow, isFirstUse }
      }
      return { from, to, flows: flows.map(marked) }
    },
    of: (integration) =>
      store.database
        .prepare('SELECT destination, first_at, last_at FROM destinations WHERE integration = ? ORDER BY last_at DESC')
        .all(integration)
        .map(({ destination, first_at, last_at }) => ({
          destination: String(destination),
          firstAt: Number(first_at),
          lastAt: Number(last_at),
        })),
    save() {
      if (unwritten.size > 0 && store.write(write)) unwritten.clear()
    },
  }
}
