/** What is new: destinations at their first use, and large uploads to them. */

import type { WatchRules } from '../../config/index.ts'
import { bytesText, counted, durationText } from '../../text/index.ts'
import { field, type Integration, type Moment, type Pair, windowMs } from '../baseline/index.ts'
import { type Draft, withoutBaseline } from './draft.ts'

/** In its first minutes a pair that nothing is known of is new in any case. */
const freshWindows = 2
const hourMs = 3_600_000

/** Whether an integration is known for long enough that a new destination says something. */
export const isLearned = ({ whole }: Integration, learningMs: number): boolean =>
  (whole.floats[whole.at + field.hours] ?? 0) * hourMs >= learningMs

export function judgeFirstUse(pair: Pair, { whole, pairs }: Integration, moment: Moment): Draft {
  const knownMs = (whole.floats[whole.at + field.hours] ?? 0) * hourMs
  return {
    rule: 'new-destination',
    destination: pair.destination,
    title: `First use of ${pair.destination}`,
    detail: `The integration is known for ${durationText(knownMs)}, and has used ${counted(pairs.size - 1, 'other destination')} in that time.`,
    measures: [withoutBaseline('firstUse', 1, moment)],
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
    title: `Sent ${bytesText(totalSent)} to a new destination, ${pair.destination}`,
    detail: `First used within the last ${durationText((age + 1) * windowMs)}; received ${bytesText(totalReceived)} from it. Nothing is usual there yet: the rule reports ${isLarge ? `${bytesText(exfiltration.minUpload)} within 5 minutes` : `${bytesText(exfiltration.minLearnedUpload)} in all`}, if it is ${exfiltration.ratio} times what is received.`,
    measures: [
      withoutBaseline('sentBytesSinceFirstUse', totalSent, moment),
      withoutBaseline('receivedBytesSinceFirstUse', totalReceived, moment),
    ],
    // Said once: the first of a large upload says all.
    weight: 1,
  }
}
