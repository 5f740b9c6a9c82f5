/** Which pairs are known: the active ones in memory, the others in the store; bounded per integration and in all. */
import { notDestinations } from '../../watch/index.ts'
import type { BaselineStore } from '../store.ts'
import { type Beats, createBeats } from './beats.ts'
import { profileBytes } from './profile.ts'
import { noWindow, openRow, windowsPerHour } from './row-time.ts'
import { createRows, field, type Row, rowNumbers } from './rows.ts'

/** An integration has so many destinations with a baseline; what is beyond is judged together. */
const maxDestinations = 256
/** The row of an integration as a whole. No destination is called so: none is empty. */
const wholeName = ''
/** Pairs in memory, and how many of them have their week there too. */
const defaultBounds = { pairs: 60_000, profiles: 1_000 }
const maxBeatsPerIntegration = 64
/** A pair that was seen for fewer hours is not worth a row of the store to an integration that has many. */
const worthHours = 24

export interface Pair extends Row {
  readonly integration: string
  readonly destination: string
  /** Only of pairs whose regularity is watched. */
  beats: Beats | null
  /** Was never seen before this process saw it, after its integration was known. */
  isNew: boolean
}

export interface Integration {
  readonly name: string
  owner: string | null
  readonly whole: Pair
  readonly pairs: Map<string, Pair>
  beating: number
  /** Rows in the store. */
  stored: number
  /** Distinct destinations of the open hour; those that were denied; and names of new ones that look like encoded data. */
  destinations: number
  readonly deniedNames: Set<string>
  readonly encodedNames: Set<string>
}

export interface Registry {
  integration(name: string, window: number): Integration
  /** `isKnown`: the integration is known for long enough that a new destination says something. */
  pair(integration: Integration, destination: string, window: number, isKnown: boolean): Pair
  profile(pair: Pair): Uint8Array
  integrations(): ReadonlyMap<string, Integration>
  watchBeats(integration: Integration, pair: Pair): void
  save(): void
}

export function createRegistry(store: BaselineStore, bounds = defaultBounds): Registry {
  const rows = createRows()
  const integrations = new Map<string, Integration>()
  const profiles = new Map<Pair, Uint8Array>()
  /** The hour in which this process began to watch: of the time before it, silence says nothing. */
  let startHour = Number.NaN

  const begin = (integration: string, destination: string, window: number): { pair: Pair; isNew: boolean } => {
    const stored = readStored(integration, destination)
    const pair: Pair = { ...rows.take(), integration, destination, beats: null, isNew: false }
    if (Number.isNaN(startHour)) startHour = Math.floor(window / windowsPerHour)
    if (stored instanceof Uint8Array) restore(pair, stored, startHour, window)
    else openRow(pair, window)
    return { pair, isNew: stored === 'never' }
  }

  const readStored = (integration: string, destination: string): Uint8Array | 'never' | 'unknown' => {
    try {
      return store.read(integration, destination) ?? 'never'
    } catch {
      // Not new: a store that cannot be read would make everything new at once.
      return 'unknown'
    }
  }

  const profile = (pair: Pair): Uint8Array => {
    const known = profiles.get(pair)
    profiles.delete(pair)
    const current = known ?? storedProfile(pair)
    profiles.set(pair, current)
    if (profiles.size > bounds.profiles) {
      const [oldest] = profiles.keys()
      if (oldest !== undefined) put([oldest])
    }
    return current
  }

  const storedProfile = ({ integration, destination }: Pair): Uint8Array => {
    const stored = readStored(integration, destination)
    return stored instanceof Uint8Array && stored.length === storedBytes ? stored.slice(-profileBytes) : new Uint8Array(profileBytes)
  }

  /** Writes pairs, and forgets their weeks. Where the store takes nothing, weeks stay in memory until there are twice as many as may be. */
  const put = (pairs: readonly Pair[]) => {
    const written = pairs.map((pair) => ({
      integration: pair.integration,
      destination: pair.destination,
      baseline: toStored(pair, profiles.get(pair) ?? storedProfile(pair)),
    }))
    try {
      store.write(written)
    } catch {
      if (profiles.size < 2 * bounds.profiles) return
    }
    for (const pair of pairs) profiles.delete(pair)
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
    save() {
      for (const { whole, pairs } of integrations.values()) {
        const kept = [whole, ...pairs.values()]
        const weeks = kept.map((pair) => [pair, profiles.get(pair)] as const)
        put(kept)
        // They were in use: saving is not forgetting.
        for (const [pair, week] of weeks) if (week !== undefined) profiles.set(pair, week)
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

const version = 1
const storedBytes = 4 + rowNumbers * 4 + profileBytes

function toStored({ floats, at }: Pair, profile: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(storedBytes)
  bytes[0] = version
  bytes.set(new Uint8Array(floats.buffer, at * 4, rowNumbers * 4), 4)
  bytes.set(profile, 4 + rowNumbers * 4)
  return bytes
}

/** A row of another version begins anew, but is not new. */
function restore(pair: Pair, stored: Uint8Array, startHour: number, window: number): void {
  if (stored.length !== storedBytes || stored[0] !== version) {
    openRow(pair, window)
    return
  }
  new Uint8Array(pair.floats.buffer, pair.at * 4, rowNumbers * 4).set(stored.subarray(4, 4 + rowNumbers * 4))
  const { floats, at } = pair
  if ((floats[at + field.hour] ?? 0) >= startHour) return
  // The hour in which watching ended was seen in part.
  floats[at + field.window] = noWindow
  floats[at + field.hour] = Math.floor(window / windowsPerHour)
  floats.fill(0, at + field.windowSums, at + field.hashes + 4)
}
