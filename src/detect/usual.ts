/** What is usual for an integration, to be shown: its week, hour by hour, and for each destination what the open 5 minutes are compared with. */
import {
  baselineOf,
  cellAt,
  deviationsPerMad,
  field,
  fromOctaves,
  hourMad,
  type Integration,
  type Moment,
  measures,
  type Pair,
  type Registry,
  seen,
  windowMeasures,
} from './baseline/index.ts'
import { ordinaryDeviations } from './measured-text.ts'

const shownMeasures = ['requests', 'sentBytes', 'receivedBytes', 'denied'] as const
const hours = Array.from({ length: 168 }, (_, hour) => hour)

export interface UsualHour {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Usual {
  /** Of its hours of the week. */
  readonly timeZone: string
  /** Hours that were learned; 0: nothing is known yet. */
  readonly hours: number
  /** Per measure, for each hour of the week (0 is Monday, 00:00 to 01:00), of that whole hour; `null`: that hour was not seen yet. */
  readonly week: Readonly<Record<string, readonly (UsualHour | null)[]>>
  readonly destinations: readonly {
    readonly destination: string
    readonly hours: number
    /** Of the open 5 minutes: what came, what is usual, and beyond which number it is unusual (`null`: nothing can be said yet). */
    readonly windows: readonly {
      readonly measure: string
      readonly value: number
      readonly median: number
      readonly limit: number | null
    }[]
  }[]
}

/** `null`: nothing was learned of it. Destinations are those that were used since this process began. */
export function usualOf(registry: Registry, name: string, { at, window }: Moment, timeZone: string): Usual | null {
  // Before the first slice it is not known what the time is.
  const integration = at === 0 ? null : registry.find(name, window)
  if (integration === null) return null
  const { whole, pairs } = integration
  return {
    timeZone,
    hours: whole.floats[whole.at + field.hours] ?? 0,
    week: Object.fromEntries(shownMeasures.map((measure) => [measure, weekOf(registry, integration, measures.indexOf(measure))])),
    destinations: [...pairs.values()].map(usualOfPair),
  }
}

function weekOf(registry: Registry, { whole }: Integration, measure: number): readonly (UsualHour | null)[] {
  const profile = registry.profile(whole)
  return hours.map((hour) => {
    if (seen(profile, hour) === 0) return null
    const center = cellAt(profile, hour, measure)
    const count = fromOctaves(cellAt(profile, hour, measures.indexOf('requests')))
    const width = ordinaryDeviations * deviationsPerMad * hourMad(whole, measure, count)
    return { median: fromOctaves(center), low: fromOctaves(Math.max(0, center - width)), high: fromOctaves(center + width) }
  })
}

function usualOfPair({ destination, floats, at, ...rest }: Pair): Usual['destinations'][number] {
  const row = { floats, at, ...rest }
  return {
    destination,
    hours: floats[at + field.hours] ?? 0,
    windows: measures.slice(0, windowMeasures).map((measure, index) => {
      const limit = floats[at + field.windowLimits + index] ?? 0
      return {
        measure,
        value: floats[at + field.windowSums + index] ?? 0,
        median: fromOctaves(baselineOf(row, index, 'window').median),
        limit: limit > 0 && Number.isFinite(limit) ? limit : null,
      }
    }),
  }
}
