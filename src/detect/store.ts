/** Where baselines are kept between starts, and those of pairs that are quiet. */

/** One row per integration and destination. A method that throws loses nothing that is in memory. */
export interface BaselineStore {
  /** `null`: the pair was never seen. */
  read(integration: string, destination: string): Uint8Array | null
  write(rows: readonly BaselineRow[]): void
  remove(integration: string, destination: string): void
  destinations(integration: string): readonly string[]
}

export interface BaselineRow {
  readonly integration: string
  readonly destination: string
  readonly baseline: Uint8Array
}

/** A store that ends with the process: for tests, simulations, and a gateway whose disk is full. */
export function createMemoryStore(): BaselineStore {
  const integrations = new Map<string, Map<string, Uint8Array>>()
  return {
    read: (integration, destination) => integrations.get(integration)?.get(destination) ?? null,
    write(rows) {
      for (const { integration, destination, baseline } of rows) {
        const known = integrations.get(integration) ?? new Map<string, Uint8Array>()
        integrations.set(integration, known.set(destination, Uint8Array.from(baseline)))
      }
    },
    remove: (integration, destination) => void integrations.get(integration)?.delete(destination),
    destinations: (integration) => [...(integrations.get(integration)?.keys() ?? [])],
  }
}
