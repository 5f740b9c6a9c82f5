/** What happened besides requests, in order; what is said several times is one row with a count. */
import { actorOf, describe } from './describe.ts'
import type { IndexedRecord } from './incident.ts'

export interface TimelineRow {
  /** ISO 8601, UTC: of the first. */
  readonly time: string
  /** Of the last; `null` where there is one. */
  until: string | null
  count: number
  /** Index of the first record. */
  readonly record: number
  readonly type: string
  readonly who: string | null
  readonly what: string
}

export interface Timeline {
  take(record: IndexedRecord): void
  rows(): readonly TimelineRow[]
  /** Records that are in no row, because there are too many different ones. */
  left(): number
}

const maxRows = 2000
/** What is kept in any case: without these nobody understands the rest. */
const always = new Set(['alert', 'containment', 'suspended', 'resumed', 'incident', 'activated', 'acted', 'access'])

export function createTimeline(): Timeline {
  const rows = new Map<string, TimelineRow>()
  let left = 0
  return {
    take({ index, record }) {
      const [type, time, what, who] = [String(record['type']), String(record['time']), describe(record), actorOf(record)]
      const key = JSON.stringify([type, who, what])
      const row = rows.get(key)
      if (row !== undefined) {
        row.count += 1
        row.until = time
      } else if (rows.size < maxRows || (always.has(type) && rows.size < maxRows * 2))
        rows.set(key, { time, until: null, count: 1, record: index, type, who, what })
      else left += 1
    },
    rows: () => [...rows.values()],
    left: () => left,
  }
}
