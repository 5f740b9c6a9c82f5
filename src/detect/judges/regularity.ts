/** Requests at regular intervals to a destination that is new, or is not used at this hour. */

import type { WatchRules } from '../../config/index.ts'
import { field, levels, type Moment, type Pair } from '../baseline/index.ts'
import { counted, type Draft } from './draft.ts'

/** Below it, requests follow each other as those of any busy client do. */
const leastIntervalMs = 5000

/** Whether a known pair is hardly ever used in this hour, although it is known when it is used. */
export function isIdleHour({ floats, at }: Pair): boolean {
  return (
    (floats[at + field.level] ?? 0) >= levels.hourOfDay && (floats[at + field.typical] ?? 0) > 0 && (floats[at + field.center] ?? 0) < 1
  )
}

export function judgeRegularity({ beats, destination }: Pair, { beaconing }: WatchRules, moment: Moment): Draft | null {
  if (beats === null) return null
  const { intervals, intervalMs, jitter, chance, spanMs } = beats.regularity()
  if (intervals < beaconing.minBeats || intervalMs < leastIntervalMs || spanMs < beaconing.minSpan) return null
  if (jitter > Math.min(beaconing.maxJitter, chance)) return null
  const seconds = Number((intervalMs / 1000).toPrecision(3))
  return {
    rule: 'beaconing',
    destination,
    title: `Regular requests to ${destination}`,
    detail: `${intervals} intervals of about ${seconds} s, with a median deviation of ${Math.round(jitter * 100)} %; those of independent requests have 69 %.`,
    measures: [counted('intervalMs', intervalMs, moment), { ...counted('jitter', jitter, moment), median: 0.69, samples: intervals }],
    weight: 1,
  }
}
