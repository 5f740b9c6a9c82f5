/** Pairs between memory and the store. What is learned is never replaced by less, and what cannot be read is counted. */
import type { BaselineStore, StoredBaseline } from '../store.ts'
import type { Pair } from './pair.ts'
import { hoursSeen, profileBytes } from './profile.ts'
import { maxSilentHours, noHour, openRow, windowsPerHour } from './row-time.ts'
import { field } from './rows.ts'
import { decodeRow, restoreRow, rowState } from './stored-row.ts'

export interface KeptCounts {
  /** Rows that were read from the store since the start. */
  readonly restored: number
  /** Of those in the store, what is learned again: rows or weeks of a form that is not known, or damaged. */
  readonly unreadable: number
}

export interface KeptPairs {
  /** Fills the row of a pair that comes into memory. Whether it was never seen before. */
  open(pair: Pair, window: number): boolean
  /** Its week, as it is in the store; a new one where there is none. */
  week(pair: Pair): Uint8Array
  /** Whether something is kept of it. */
  has(integration: string, destination: string): boolean
  /** In one transaction; a pair of which the store knows more is read instead. Throws where the store cannot be read, or takes nothing. */
  write(pairs: readonly Pair[], weeks: Map<Pair, Uint8Array>): void
  /** Whether it is what the store has, as far as it did not change. */
  isOfStore(pair: Pair): boolean
  counts(): KeptCounts
}

/** The pair was not compared with the store that there is. */
const uncompared = -1

export function createKeptPairs(store: BaselineStore): KeptPairs {
  let [restored, unreadable] = [0, 0]
  /** The hour in which this process began to watch, or its clock was set: of the time before it, silence says nothing. */
  let startHour = Number.NaN
  let lastHour = Number.NaN
  let now = 0

  const noteTime = (window: number) => {
    const hour = Math.floor(window / windowsPerHour)
    if (!(hour >= startHour && hour <= lastHour + maxSilentHours)) startHour = hour
    lastHour = hour
    now = window
  }

  const readStored = ({ integration, destination }: Pair): StoredBaseline | 'never' | 'unknown' => {
    try {
      return store.read(integration, destination) ?? 'never'
    } catch {
      // Not new: a store that cannot be read would make everything new at once.
      return 'unknown'
    }
  }

  /** A row that cannot be read begins anew; its week, and how long it is known, are not lost with it. */
  const restore = (pair: Pair, { state, week }: StoredBaseline, window: number) => {
    restored++
    const stored = decodeRow(state)
    const hours = week.length === profileBytes ? hoursSeen(week) : 0
    const isWeekLost = hours === 0 && (week.length > 0 || (stored !== null && (stored.floats[field.hours] ?? 0) > 0))
    if (stored === null || isWeekLost) unreadable++
    if (stored !== null) return restoreRow(pair, stored, startHour, window)
    openRow(pair, window)
    // Of its week is expected what is usual now.
    pair.floats[pair.at + field.hour] = noHour
    pair.floats[pair.at + field.first] = window - hours * windowsPerHour
    pair.floats[pair.at + field.hours] = hours
  }

  /** Whether it may be written; `false`: the store knew more, which was read. Throws where that is not known. */
  const isOurs = (pair: Pair, weeks: Map<Pair, Uint8Array>): boolean => {
    if (pair.generation === store.generation()) return true
    const stored = readStored(pair)
    if (stored === 'unknown') throw new Error('the store cannot be read')
    pair.generation = store.generation()
    const known = stored === 'never' ? null : decodeRow(stored.state)
    if (stored === 'never' || known === null || (known.floats[field.hours] ?? 0) <= (pair.floats[pair.at + field.hours] ?? 0)) return true
    restore(pair, stored, now)
    pair.isNew = false
    weeks.delete(pair)
    return false
  }

  return {
    open(pair, window) {
      noteTime(window)
      const stored = readStored(pair)
      pair.generation = stored === 'unknown' ? uncompared : store.generation()
      if (stored === 'never' || stored === 'unknown') openRow(pair, window)
      else restore(pair, stored, window)
      return stored === 'never'
    },
    week(pair) {
      const stored = readStored(pair)
      const week = typeof stored === 'string' ? null : stored.week
      return week?.length === profileBytes ? week.slice() : new Uint8Array(profileBytes)
    },
    has(integration, destination) {
      try {
        return store.read(integration, destination) !== null
      } catch {
        return false
      }
    },
    write(pairs, weeks) {
      const ours = pairs.filter((pair) => isOurs(pair, weeks))
      store.write(
        ours.map((pair) => ({
          integration: pair.integration,
          destination: pair.destination,
          state: rowState(pair),
          week: weeks.get(pair) ?? null,
        })),
      )
      for (const { floats, at } of ours) floats[at + field.saved] = floats[at + field.last] ?? 0
    },
    isOfStore: (pair) => pair.generation === store.generation(),
    counts: () => ({ restored, unreadable }),
  }
}
