/** The time of slices: it goes on only, unless the machine's clock was really set back. */
import { windowMs, windowsPerHour } from './row-time.ts'

/** Where a slice is in time: milliseconds, and the indexes of its 5 minutes and hour. */
export interface Moment {
  readonly at: number
  readonly window: number
  readonly hour: number
}

/** Slices may be this late without the clock having been set. */
const lateMs = 600_000
const largestMs = 8_640_000_000_000_000

export interface Clock {
  at(time: number): Moment
  now(): Moment
}

export function createClock(): Clock {
  let last = 0
  const now = () => {
    // A slice that ends with the hour is of that hour.
    const window = Math.floor(Math.max(0, last - 1) / windowMs)
    return { at: last, window, hour: Math.floor(window / windowsPerHour) }
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
