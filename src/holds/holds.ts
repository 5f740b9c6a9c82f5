/** The legal holds of a gateway's log. Each is in force before it is recorded, and until its release is. */
import { randomBytes } from 'node:crypto'
import { type Hold, HoldsError, holdsOf, readHolds, writeHolds } from './kept-holds.ts'

/** More would be a mistake, or an attack on the disk. */
const maxHolds = 1000

type Facts = Readonly<Record<string, string | number>>

export interface HoldsOptions {
  /** What is kept over restarts. */
  readonly file: string
  /** The records of holds and of their releases, oldest first: asked for where nothing is kept. */
  readonly recorded: () => AsyncIterable<unknown>
  readonly note: (type: 'hold' | 'released', facts: Facts) => void
  /** Resolves once all that was noted is on disk. Rejects with `Refusal('audit-unavailable')` where it will not be. */
  readonly noted: () => Promise<void>
  /** Index of the next record that will be written. */
  readonly next: () => number
  /** Holds could not be read: until the next start nothing may be removed. */
  readonly onUnknown: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly wallClock?: () => number
}

export type GivenHold = Pick<Hold, 'from' | 'to' | 'integration' | 'reason' | 'until'>

/** Who asks, for the record. */
export interface By {
  readonly who: string
  readonly role: string
  readonly by: string
}

export interface Holds {
  /** Reads what was kept; where that is nothing, the log. Never rejects. */
  start(): Promise<void>
  /** Those in force. `null`: they are not known, or not yet. */
  list(): readonly Hold[] | null
  /** Index of the first record that must stay, with all behind it; `null`: none must. 0 where the holds are not known. */
  heldFrom(): number | null
  /** `null`: there are too many. Rejects where it cannot be recorded or kept: it is in force all the same. */
  add(given: GivenHold, by: By): Promise<Hold | null>
  /** `false`: there is none of this id. Rejects where it cannot be recorded: then it stays in force. */
  release(id: string, reason: string, by: By): Promise<boolean>
}

export function createHolds(options: HoldsOptions): Holds {
  const { file, recorded, note, noted, next, onUnknown, wallClock = Date.now } = options
  let holds: ReadonlyMap<string, Hold> | null = null
  let changing: Promise<unknown> = Promise.resolve()

  const inForce = () =>
    holds === null ? null : [...holds.values()].filter(({ until }) => until === null || Date.parse(until) > wallClock())

  /** One change after the other: what is kept is never older than what is in force. */
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = changing.then(change)
    changing = changed.catch(() => {})
    return changed
  }

  function known(): ReadonlyMap<string, Hold> {
    if (holds === null) throw new HoldsError('the holds of the log are not known: nothing is removed from it meanwhile')
    return holds
  }

  return {
    start: () =>
      inTurn(async () => {
        try {
          const kept = await readHolds(file)
          const found = kept ?? (await holdsOf(recorded()))
          holds = new Map(found.map((hold) => [hold.id, hold]))
          if (kept === null) await writeHolds(file, found)
        } catch (error) {
          onUnknown(error as Error)
        }
      }),
    list: inForce,
    heldFrom() {
      const held = inForce()
      if (held === null) return 0
      return held.length === 0 ? null : Math.min(...held.flatMap(({ from, record }) => [from, record]))
    },
    add: (given, { who, role, by }) =>
      inTurn(async () => {
        const before = inForce() ?? []
        if (before.length >= maxHolds) return null
        const hold: Hold = { ...given, id: randomBytes(6).toString('hex'), who, since: new Date(wallClock()).toISOString(), record: next() }
        holds = new Map([...known(), [hold.id, hold]])
        // Kept first: whatever happens in between, rather too much is held.
        await writeHolds(file, [...holds.values()])
        const { id, from, to, integration, reason, until, record } = hold
        note('hold', {
          ...{ hold: id, from, record, reason, who, role, by },
          ...(to !== null && { to }),
          ...(integration !== null && { integration }),
          ...(until !== null && { until }),
        })
        await noted()
        return hold
      }),
    release: (id, reason, by) =>
      inTurn(async () => {
        if (!known().has(id)) return false
        note('released', { hold: id, reason, ...by })
        await noted()
        holds = new Map([...known()].filter(([other]) => other !== id))
        await writeHolds(file, [...holds.values()])
        return true
      }),
  }
}
