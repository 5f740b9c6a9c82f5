/** Where baselines are kept between starts, and those of pairs that are quiet. */

/** One row per integration and destination. A method that throws loses nothing that is in memory. */
export interface BaselineStore {
  /** Another number once something else takes the place of what was read before: rows of memory and of the store have to be compared again. */
  generation(): number
  /** `null`: the pair was never seen. */
  read(integration: string, destination: string): StoredBaseline | null
  write(rows: readonly BaselineRow[]): void
  destinations(integration: string): readonly string[]
}

export interface StoredBaseline {
  readonly state: Uint8Array
  readonly week: Uint8Array
}

export interface BaselineRow {
  readonly integration: string
  readonly destination: string
  readonly state: Uint8Array
  /** `null`: as it is in the store already, or not there at all. */
  readonly week: Uint8Array | null
}

const noWeek = new Uint8Array(0)

/** A store that ends with the process: for tests and simulations. */
export function createMemoryStore(): BaselineStore {
  const integrations = new Map<string, Map<string, StoredBaseline>>()
  return {
    generation: () => 0,
    read: (integration, destination) => integrations.get(integration)?.get(destination) ?? null,
    write(rows) {
      for (const { integration, destination, state, week } of rows) {
        const known = integrations.get(integration) ?? new Map<string, StoredBaseline>()
        const kept = week ?? known.get(destination)?.week ?? noWeek
        integrations.set(integration, known.set(destination, { state: Uint8Array.from(state), week: Uint8Array.from(kept) }))
      }
    },
    destinations: (integration) => [...(integrations.get(integration)?.keys() ?? [])],
  }
}
