/** Which hour of the week an hour is in a time zone. Hours are counted in UTC, so that none is missing or there twice; only what they are called follows the zone. */
import { hoursOfWeek } from './scale.ts'

export interface Week {
  /** 0 is Monday, 00:00 to 01:00. An hour of the week comes twice where clocks are set back, and not at all where they are set forward. */
  hourOf(hour: number): number
  /** Grows by one with each day. */
  dayOf(hour: number): number
}

/** Looking one up takes some microseconds, and hours are asked for again and again. */
const maxKept = 1000
const hourMs = 3_600_000

/** `timeZone`: a name that there is. Where a zone is off by half an hour, an hour is called by the one in which it begins. */
export function createWeek(timeZone: string): Week {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, timeZoneName: 'longOffset' })
  const kept = new Map<number, number>()

  function offsetHours(hour: number): number {
    const known = kept.get(hour)
    if (known !== undefined) return known
    const name = format.formatToParts(hour * hourMs).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(name) ?? []
    const offset = Math.floor((sign === '-' ? -1 : 1) * (Number(hours) + Number(minutes) / 60))
    if (kept.size >= maxKept) kept.clear()
    kept.set(hour, offset)
    return offset
  }

  const local = timeZone === 'UTC' ? (hour: number) => hour : (hour: number) => hour + offsetHours(hour)
  return {
    // Hour 0 of the epoch was on a Thursday.
    hourOf: (hour) => (((local(hour) + 72) % hoursOfWeek) + hoursOfWeek) % hoursOfWeek,
    dayOf: (hour) => Math.floor(local(hour) / 24),
  }
}
