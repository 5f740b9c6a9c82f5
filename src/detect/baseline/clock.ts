/** The time of slices: it goes on only, unless the machine's clock was really set back. */

import { windowMs, windowsPerHour } from './row-time.ts'
import type { Week } from './week.ts'

/** Where a slice is in time: milliseconds, and the indexes of its 5 minutes and hour. */
export interface Moment {
  readonly at: number
  readonly window: number
  readonly hour: number
  /** 0 is Monday, 00:00 to 01:00 in `watch.timeZone`. */
  readonly hourOfWeek: number
}

/** Slices may be this late without the clock having been set. */
const lateMs = 600_000
const largestMs = 8_640_000_000_000_000

export interface Clock {
  at(time: number): Moment
  now(): Moment
}

export function createClock(week: Week): Clock {
  let last = 0
  const now = () => {
    // A slice that ends with the hour is of that hour.
    const window = Math.floor(Math.max(0, last - 1) / windowMs)
    const hour = Math.floor(window / windowsPerHour)
    return { at: last, window, hour, hourOfWeek: week.hourOf(hour) }
  }
  return {
    at(time) {
      const sane = Number.isFinite(time) && time >= 0 && time <= largestMs ? time : last
      if (sane > last || sane < last - lateMs) last = sane
      return now()
    },
    now,
  }
}
