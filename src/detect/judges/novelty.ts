/** What is new: destinations at their first use, and large uploads to them. */

import type { WatchRules } from '../../config/index.ts'
import { field, type Integration, type Moment, type Pair, windowMs } from '../baseline/index.ts'
import { bytes, counted, type Draft } from './draft.ts'

/** In its first minutes a pair that nothing is known of is new in any case. */
const freshWindows = 2
const hourMs = 3_600_000

/** Whether an integration is known for long enough that a new destination says something. */
export const isLearned = ({ whole }: Integration, learningMs: number): boolean =>
  (whole.floats[whole.at + field.hours] ?? 0) * hourMs >= learningMs

export function judgeFirstUse(pair: Pair, moment: Moment): Draft {
  return {
    rule: 'new-destination',
    destination: pair.destination,
    title: `A new destination, ${pair.destination}`,
    detail: 'The integration never used it before.',
    measures: [counted('firstUse', 1, moment)],
    weight: 1,
  }
}

export function judgeUpload(pair: Pair, { exfiltration }: WatchRules, moment: Moment): Draft | null {
  const { floats, at } = pair
  const age = moment.window - (floats[at + field.first] ?? 0)
  // Negative where the clock was set back: then it is not known how new the pair is.
  if (age < 0 || age * windowMs > exfiltration.newFor) return null
  const totalSent = floats[at + field.totalSent] ?? 0
  const totalReceived = floats[at + field.totalReceived] ?? 0
  const isOneSided = totalSent >= exfiltration.ratio * totalReceived
  const isFresh = pair.isNew || age < freshWindows
  const sent = Math.max(floats[at + field.windowSums + 1] ?? 0, age < freshWindows ? totalSent : 0)
  const isLarge = isFresh && isOneSided && sent >= exfiltration.minUpload
  const isLearnedLarge = pair.isNew && isOneSided && totalSent >= exfiltration.minLearnedUpload
  if (!isLarge && !isLearnedLarge) return null
  return {
    rule: 'exfiltration',
    destination: pair.destination,
    title: `A large upload to a new destination, ${pair.destination}`,
    detail: `${bytes(totalSent)} sent and ${bytes(totalReceived)} received since its first use.`,
    measures: [counted('sentBytesSinceFirstUse', totalSent, moment), counted('receivedBytesSinceFirstUse', totalReceived, moment)],
    // Said once: the first of a large upload says all.
    weight: 1,
  }
}
