/** Which destinations each integration has used: what makes a use its first. */
import type { DatabaseSync } from 'node:sqlite'
import { type Flow, notDestinations, type Slice } from '../watch/index.ts'
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
/** When a destination was used last is written no more often. */
const freshMs = 3600_000

const none: ReadonlySet<string> = new Set(Object.values(notDestinations))

export function createDestinations(store: Store): Destinations {
  /** When it was written that it is used. */
  const recent = new Map<string, number>()
  const unwritten = new Map<string, readonly [string, string, number]>()
  let generation = store.generation

  function isKnown(key: string, { integration, destination }: Flow): boolean {
    if (recent.has(key)) return true
    return (
      store.database.prepare('SELECT 1 FROM destinations WHERE integration = ? AND destination = ?').get(integration, destination) !==
      undefined
    )
  }

  function note(key: string, { integration, destination }: Flow, at: number): void {
    if (recent.size >= maxRecent) recent.clear()
    recent.set(key, at)
    if (unwritten.size < maxRecent) unwritten.set(key, [integration, destination, at])
  }

  /** What is counted as used: at least one request that was let through. */
  const isUse = ({ requests, denied, limited, destination }: Flow) => requests > denied + limited && !none.has(destination)

  function marked(flow: Flow, at: number): Flow {
    if (!isUse(flow)) return flow.isFirstUse ? { ...flow, isFirstUse: false } : flow
    const key = `${flow.integration}\n${flow.destination}`
    const written = recent.get(key)
    if (written !== undefined && Math.abs(at - written) < freshMs) return flow.isFirstUse ? { ...flow, isFirstUse: false } : flow
    const isFirstUse = !isKnown(key, flow)
    note(key, flow, at)
    return flow.isFirstUse === isFirstUse ? flow : { ...flow, isFirstUse }
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

  function save(): void {
    if (store.generation !== generation) {
      // What was known is written into the store that was begun again.
      generation = store.generation
      for (const [key, at] of recent) unwritten.set(key, [...(key.split('\n') as [string, string]), at])
    }
    if (unwritten.size > 0 && store.write(write)) unwritten.clear()
  }

  return {
    mark: ({ from, to, flows }) => ({ from, to, flows: flows.map((flow) => marked(flow, Math.round(to))) }),
    of: (integration) =>
      store.database
        .prepare('SELECT destination, first_at, last_at FROM destinations WHERE integration = ? ORDER BY last_at DESC')
        .all(integration)
        .map(({ destination, first_at, last_at }) => ({
          destination: String(destination),
          firstAt: Number(first_at),
          lastAt: Number(last_at),
        })),
    save,
  }
}
