/** The day of the week and the hour of a time, where the office is. */

export interface LocalHour {
  /** `Monday` to `Sunday`. */
  readonly weekday: string
  /** 0 to 23. */
  readonly hour: number
}

export interface LocalTime {
  /** `time`: ISO 8601, UTC. */
  hourOf(time: string): LocalHour
  /** `2026-01-31`. */
  dayOf(time: string): string
}

/** Minutes whose hour is remembered. */
const maxKept = 1000

/** Throws `RangeError` for a time zone that there is not. */
export function createLocalTime(timeZone: string): LocalTime {
  const hours = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'long', hour: '2-digit', hourCycle: 'h23' })
  const days = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
  // Formatting takes some microseconds, and a log has many records of one minute.
  const kept = new Map<string, LocalHour>()
  return {
    hourOf(time) {
      const minute = time.slice(0, 16)
      const known = kept.get(minute)
      if (known !== undefined) return known
      const parts = hours.formatToParts(new Date(time))
      const part = (type: string) => parts.find((found) => found.type === type)?.value ?? ''
      const local = { weekday: part('weekday'), hour: Number(part('hour')) }
      if (kept.size >= maxKept) kept.clear()
      kept.set(minute, local)
      return local
    },
    dayOf: (time) => days.format(new Date(time)),
  }
}
