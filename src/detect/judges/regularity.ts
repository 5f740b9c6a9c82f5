/** Requests at regular intervals to a destination that is new, or is not used at this hour. */

import type { WatchRules } from '../../config/index.ts'
import { durationText, percentText } from '../../text/index.ts'
import { half, levels, type Moment, type Pair } from '../baseline/index.ts'
import { type Draft, withoutBaseline } from './draft.ts'

/** Below it, requests follow each other as those of any busy client do. */
const leastIntervalMs = 5000

/** Whether a known pair is hardly ever used in this hour, although it is known when it is used. */
export function isIdleHour({ halves, at }: Pair): boolean {
  return (
    (halves[2 * at + half.level] ?? 0) >= levels.hourOfDay &&
    (halves[2 * at + half.typical] ?? 0) > 0 &&
    (halves[2 * at + half.center] ?? 0) < 1
  )
}

export function judgeRegularity({ beats, destination }: Pair, { beaconing }: WatchRules, moment: Moment): Draft | null {
  if (beats === null) return null
  const { intervals, intervalMs, jitter, chance, spanMs } = beats.regularity()
  if (intervals < beaconing.minBeats || intervalMs < leastIntervalMs || spanMs < beaconing.minSpan) return null
  if (jitter > Math.min(beaconing.maxJitter, chance)) return null
  return {
    rule: 'beaconing',
    destination,
    title: `A request to ${destination} every ${durationText(intervalMs)}, as a program that calls home makes them`,
    detail: `${intervals} intervals in a row; half of them differ from that by ${percentText(jitter)} at most. Of requests that do not depend on each other half differ by up to 69 %.`,
    measures: [
      withoutBaseline('intervalMs', intervalMs, moment),
      { ...withoutBaseline('jitter', jitter, moment), median: 0.69, samples: intervals },
    ],
    weight: 1,
  }
}
