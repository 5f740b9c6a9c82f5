/** The week of a pair: for each of its 168 hours what is ordinary, one byte a measure, and how often the hour was seen. */
import { isOfSilence, measureCount, requests } from './measures.ts'
import { fromByte, hoursOfWeek, isWeekend, toByte } from './scale.ts'

const cellBytes = measureCount + 1
export const profileBytes = hoursOfWeek * cellBytes

/** No single hour moves a learned hour by more than this, whatever came: a baseline at most doubles in a week. */
const maxMoveOctaves = 1
/** So often an hour of the week must have been seen before it is judged by itself. */
const enoughWeeks = 3

/** What an expectation is drawn from, from the least to the most exact. */
export const levels = { none: 0, anyHour: 1, hourOfDay: 2, hourOfWeek: 3 } as const

export interface Expectation {
  /** Octaves per measure. */
  readonly center: Float32Array
  level: number
  samples: number
  /** Requests of a busy hour, in octaves; 0 while it is not known in which hours there are some. */
  typical: number
  /** Working days are all that is known of this hour of a weekend. */
  isBorrowed: boolean
}

export const createExpectation = (): Expectation => ({
  center: new Float32Array(measureCount),
  level: levels.none,
  samples: 0,
  typical: 0,
  isBorrowed: false,
})

export const seen = (profile: Uint8Array, ofWeek: number): number => profile[ofWeek * cellBytes + measureCount] ?? 0
export const cellAt = (profile: Uint8Array, ofWeek: number, measure: number): number => fromByte(profile[ofWeek * cellBytes + measure] ?? 0)

/** How many hours it was made from, as far as it says. */
export function hoursSeen(profile: Uint8Array): number {
  let hours = 0
  for (let hour = 0; hour < hoursOfWeek; hour++) hours += seen(profile, hour)
  return hours
}

/** An hour is over. `values`: octaves per measure, or `null` where nothing happened in it. `bound`: no more is learned of an hour that is new. */
export function learnHour(profile: Uint8Array, ofWeek: number, values: Float32Array | null, bound: ArrayLike<number> | null): void {
  const at = ofWeek * cellBytes
  const times = profile[at + measureCount] ?? 0
  for (let measure = 0; measure < measureCount; measure++) {
    if (values === null && !isOfSilence(measure)) continue
    const value = values?.[measure] ?? 0
    const known = fromByte(profile[at + measure] ?? 0)
    const first = bound === null ? value : Math.min(value, (bound[measure] ?? 0) + maxMoveOctaves)
    const next = times === 0 ? first : known + Math.max(-maxMoveOctaves, Math.min(maxMoveOctaves, (value - known) / 2))
    profile[at + measure] = toByte(next)
  }
  profile[at + measureCount] = Math.min(255, times + 1)
}

/** What is ordinary in an hour, written to `expected`: from that hour of the week, of the day, or from all hours. */
export function expectHour(profile: Uint8Array, ofWeek: number, expected: Expectation): void {
  expected.level = levels.none
  expected.isBorrowed = false
  expected.samples = seen(profile, ofWeek)
  if (expected.samples >= enoughWeeks) {
    expected.level = levels.hourOfWeek
    for (let measure = 0; measure < measureCount; measure++) expected.center[measure] = cellAt(profile, ofWeek, measure)
  } else expectFromOthers(profile, ofWeek, expected)
  softenEdges(profile, ofWeek, expected)
  expected.typical = 0
  const active = learnedHours(profile).filter((hour) => cellAt(profile, hour, requests) > 0)
  // Of a rate that silence says nothing of, all hours with requests tell.
  for (let measure = 0; measure < measureCount; measure++)
    if (!isOfSilence(measure)) expected.center[measure] = middle(active, (hour) => cellAt(profile, hour, measure))
  if (expected.level < levels.hourOfDay) return
  if (keepsHours(profile, active)) expected.typical = quantile(active, (hour) => cellAt(profile, hour, requests), busyQuantile)
  else if (active.length > 0) {
    // Used at any time of the day: an hour without use says nothing of the same hour of another day.
    for (let measure = 0; measure < measureCount; measure++)
      if (isOfSilence(measure))
        expected.center[measure] = Math.max(
          expected.center[measure] ?? 0,
          middle(active, (hour) => cellAt(profile, hour, measure)),
        )
  }
}

/** So many of the hours with requests must be hours that have some on other days too. */
const keptShare = 0.8
const enoughHours = 6

/** Whether requests come in the same hours each day. */
function keepsHours(profile: Uint8Array, active: readonly number[]): boolean {
  let comparable = 0
  let kept = 0
  for (const hour of active) {
    const others = daysAt(profile, hour, isWeekend(hour)).filter((other) => other !== hour)
    if (others.length === 0) continue
    comparable++
    if (others.some((other) => cellAt(profile, other, requests) > 0)) kept++
  }
  return comparable >= enoughHours && kept >= keptShare * comparable
}

const busyQuantile = 0.8

function quantile(hours: readonly number[], of: (hour: number) => number, share: number): number {
  const values = hours.map(of).sort((a, b) => a - b)
  return values[Math.floor(values.length * share)] ?? 0
}

const middle = (hours: readonly number[], of: (hour: number) => number): number => quantile(hours, of, 0.5)

/** The same hour of other days of its kind; on the first weekend, of working days; at last, the most of all hours. */
function expectFromOthers(profile: Uint8Array, ofWeek: number, expected: Expectation): void {
  const same = daysAt(profile, ofWeek, isWeekend(ofWeek))
  const hours = same.length > 0 ? same : isWeekend(ofWeek) ? daysAt(profile, ofWeek, false) : []
  const isExact = hours.length > 0
  const used = isExact ? hours : learnedHours(profile)
  if (used.length === 0) return
  expected.level = isExact ? levels.hourOfDay : levels.anyHour
  expected.isBorrowed = isExact && same.length === 0
  expected.samples = used.length
  for (let measure = 0; measure < measureCount; measure++) {
    const at = (hour: number) => cellAt(profile, hour, measure)
    expected.center[measure] = isExact ? middle(used, at) : Math.max(...used.map(at))
  }
}

function daysAt(profile: Uint8Array, ofWeek: number, ofWeekend: boolean): number[] {
  const hours: number[] = []
  for (let hour = ofWeek % 24; hour < hoursOfWeek; hour += 24)
    if (isWeekend(hour) === ofWeekend && seen(profile, hour) > 0) hours.push(hour)
  return hours
}

function learnedHours(profile: Uint8Array): number[] {
  const hours: number[] = []
  for (let hour = 0; hour < hoursOfWeek; hour++) if (seen(profile, hour) > 0) hours.push(hour)
  return hours
}

/** A job that starts a little earlier or later than usual falls into the hour beside: half of what that hour has is ordinary. */
function softenEdges(profile: Uint8Array, ofWeek: number, expected: Expectation): void {
  if (expected.level < levels.hourOfDay) return
  for (const beside of [ofWeek + hoursOfWeek - 1, ofWeek + 1]) {
    const hour = beside % hoursOfWeek
    // Of other days: what goes on now is not made usual by the hour before.
    const hours = daysAt(profile, hour, isWeekend(hour)).filter((other) => other !== hour)
    for (let measure = 0; measure < measureCount; measure++) {
      if (!isOfSilence(measure) || hours.length === 0) continue
      const half = middle(hours, (other) => cellAt(profile, other, measure)) - (expected.samples < 2 ? 0 : 1)
      expected.center[measure] = Math.max(expected.center[measure] ?? 0, half)
    }
  }
}
