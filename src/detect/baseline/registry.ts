/** Which pairs are known: the active ones in memory, the others in the store; bounded per integration and in all. */
import { notDestinations } from '../../watch/index.ts'
import type { BaselineStore } from '../store.ts'
import { createBeats } from './beats.ts'
import { createKeptPairs, type KeptCounts } from './kept-pairs.ts'
import type { Integration, Pair } from './pair.ts'
import { windowsPerHour } from './row-time.ts'
import { createRows, field } from './rows.ts'

/** An integration has so many destinations with a baseline; what is beyond is judged together. */
const maxDestinations = 256
/** The row of an integration as a whole. No destination is called so: none is empty. */
const wholeName = ''
/** Pairs in memory, and how many of them have their week there too. */
const defaultBounds = { pairs: 60_000, profiles: 1_000 }
const maxBeatsPerIntegration = 64
/** A pair that was seen for fewer hours is not worth a row of the store to an integration that has many. */
const worthHours = 24
/** Of one step of saving: pairs that are looked at, how old their changes are, and how many are written in one transaction. */
const walkedPerSave = 5000
const windowsUnsaved = 3
const rowsPerWrite = 500

export interface Registry {
  integration(name: string, window: number): Integration
  /** One that was watched before; `null`: there is none. */
  find(name: string, window: number): Integration | null
  /** `isKnown`: the integration is known for long enough that a new destination says something. */
  pair(integration: Integration, destination: string, window: number, isKnown: boolean): Pair
  profile(pair: Pair): Uint8Array
  integrations(): ReadonlyMap<string, Integration>
  watchBeats(integration: Integration, pair: Pair): void
  /** Writes what changed: of all pairs, or of some that changed a while ago. */
  save(isAll: boolean): void
  learned(): Learned
}

export interface Learned extends KeptCounts {
  /** Integrations that were seen since this process began, and the hours of the one that is known for longest. */
  readonly integrations: number
  readonly hours: number
}

export function createRegistry(store: BaselineStore, bounds = defaultBounds): Registry {
  const rows = createRows()
  const integrations = new Map<string, Integration>()
  const profiles = new Map<Pair, Uint8Array>()
  const kept = createKeptPairs(store)
  const walk = all()

  const begin = (integration: string, destination: string, window: number): { pair: Pair; isNew: boolean } => {
    const { floats, words, halves, at } = rows.take()
    // Written out: what is spread is kept outside of the object, which takes more.
    const pair: Pair = { floats, words, halves, at, integration, destination, beats: null, isNew: false, generation: 0 }
    return { pair, isNew: kept.open(pair, window) }
  }

  const profile = (pair: Pair): Uint8Array => {
    const known = profiles.get(pair)
    profiles.delete(pair)
    const current = known ?? kept.week(pair)
    profiles.set(pair, current)
    // A quarter at once, so that it is one transaction.
    if (profiles.size > bounds.profiles) put([...profiles.keys()].slice(0, bounds.profiles >> 2))
    return current
  }

  /** Writes pairs, and forgets their weeks. Where the store takes nothing, weeks stay in memory until there are twice as many as may be. */
  const put = (pairs: readonly Pair[]) => {
    try {
      kept.write(pairs, profiles)
    } catch {
      if (profiles.size < 2 * bounds.profiles) return
    }
    for (const pair of pairs) profiles.delete(pair)
  }

  /** Again and again through all pairs. */
  function* all(): Generator<Pair, never> {
    for (;;) {
      for (const { whole, pairs } of integrations.values()) {
        yield whole
        yield* pairs.values()
      }
    }
  }

  const forget = (of: Integration, pair: Pair) => {
    const hours = pair.floats[pair.at + field.hours] ?? 0
    if (of.stored < maxDestinations || hours >= worthHours) {
      put([pair])
      of.stored++
    }
    profiles.delete(pair)
    if (pair.beats !== null) of.beating--
    of.pairs.delete(pair.destination)
    rows.give(pair)
  }

  const quietest = (of: Integration): Pair | undefined => {
    let found: Pair | undefined
    for (const pair of of.pairs.values()) if (found === undefined || lastOf(pair) < lastOf(found)) found = pair
    return found
  }

  /** The integration with most pairs gives one away, and not the one that asks, unless it is that. */
  const makeRoom = () => {
    let most: Integration | undefined
    for (const integration of integrations.values()) if (most === undefined || integration.pairs.size > most.pairs.size) most = integration
    const pair = most && quietest(most)
    if (most !== undefined && pair !== undefined) forget(most, pair)
  }

  return {
    integration(name, window) {
      const known = integrations.get(name)
      if (known !== undefined) return known
      const { pair } = begin(name, wholeName, window)
      const integration: Integration = {
        name,
        owner: null,
        whole: pair,
        pairs: new Map(),
        beating: 0,
        stored: countStored(store, name),
        destinations: 0,
        deniedNames: new Set(),
        encodedNames: new Set(),
      }
      integrations.set(name, integration)
      return integration
    },
    find(name, window) {
      return integrations.get(name) ?? (kept.has(name, wholeName) ? this.integration(name, window) : null)
    },
    pair(integration, destination, window, isKnown) {
      const known = integration.pairs.get(destination)
      if (known !== undefined) return known
      if (integration.pairs.size >= maxDestinations && destination !== notDestinations.others) {
        const quiet = quietest(integration)
        // What is active is not driven out by what is new.
        if (quiet !== undefined && window - lastOf(quiet) < windowsPerHour)
          return this.pair(integration, notDestinations.others, window, isKnown)
        if (quiet !== undefined) forget(integration, quiet)
      }
      if (rows.count() >= bounds.pairs) makeRoom()
      const { pair, isNew } = begin(integration.name, destination, window)
      pair.isNew = isNew && isKnown && destination !== notDestinations.others
      integration.pairs.set(destination, pair)
      if (pair.isNew) this.watchBeats(integration, pair)
      return pair
    },
    profile,
    integrations: () => integrations,
    watchBeats(integration, pair) {
      if (pair.beats !== null || integration.beating >= maxBeatsPerIntegration) return
      pair.beats = createBeats()
      integration.beating++
    },
    learned: () => ({
      integrations: integrations.size,
      hours: [...integrations.values()].reduce((most, { whole }) => Math.max(most, whole.floats[whole.at + field.hours] ?? 0), 0),
      ...kept.counts(),
    }),
    save(isAll) {
      const count = isAll ? Number.POSITIVE_INFINITY : walkedPerSave
      const changed: Pair[] = []
      for (let walked = 0; walked < Math.min(count, rows.count()) && changed.length < count; walked++) {
        const { value } = walk.next()
        const age = lastOf(value) - (value.floats[value.at + field.saved] ?? 0)
        if (age >= (isAll ? 1 : windowsUnsaved) || age < 0 || !kept.isOfStore(value)) changed.push(value)
      }
      for (let from = 0; from < changed.length; from += rowsPerWrite) {
        try {
          kept.write(changed.slice(from, from + rowsPerWrite), profiles)
        } catch {
          // They are still in memory, and tried again.
          return
        }
      }
    },
  }
}

const lastOf = ({ floats, at }: Pair): number => floats[at + field.last] ?? 0

function countStored(store: BaselineStore, integration: string): number {
  try {
    return store.destinations(integration).length
  } catch {
    return 0
  }
}
