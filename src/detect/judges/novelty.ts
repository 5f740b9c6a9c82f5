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

const minuteMs = 60_000

/** `sentBytes`: of the flow, which is added already. */
export function judgeUpload(pair: Pair, sentBytes: number, { exfiltration }: WatchRules, moment: Moment): Draft | null {
  const { floats, at } = pair
  const { minUpload, minLearnedUpload, ratio, newFor } = exfiltration
  const age = moment.window - (floats[at + field.first] ?? 0)
  // Negative where the clock was set back: then it is not known how new the pair is.
  if (age < 0 || age * windowMs > newFor) return null
  const inMinute = sentInMinute(pair, sentBytes, moment)
  const totalSent = floats[at + field.totalSent] ?? 0
  const totalReceived = floats[at + field.totalReceived] ?? 0
  if (totalSent < ratio * totalReceived) return null
  const isFresh = pair.isNew || age < freshWindows
  const sent = Math.max(floats[at + field.windowSums + 1] ?? 0, age < freshWindows ? totalSent : 0)
  const isLarge = isFresh && sent >= minUpload
  const isLearnedLarge = pair.isNew && totalSent >= minLearnedUpload
  if (!isLarge && !isLearnedLarge) return null
  // Of an integration that has just begun every destination is new: only what is faster than people is contained.
  const isContained = pair.isNew ? totalSent >= minUpload : isFresh && inMinute >= minUpload
  const least = isLarge ? `${bytesText(minUpload)} within 5 minutes` : `${bytesText(minLearnedUpload)} in all`
  const containedFrom = `${bytesText(minUpload)} ${pair.isNew ? 'in all' : 'within a minute'}`
  return {
    rule: 'exfiltration',
    destination: pair.destination,
    title: `Sent ${bytesText(totalSent)} to a new destination, ${pair.destination}`,
    detail: `First used within the last ${durationText((age + 1) * windowMs)}; received ${bytesText(totalReceived)} from it. Nothing is usual there yet: the rule reports ${least}, if it is ${ratio} times what is received${isContained ? '' : `, and contains from ${containedFrom} on`}.`,
    measures: [
      withoutBaseline('sentBytesSinceFirstUse', totalSent, moment),
      withoutBaseline('receivedBytesSinceFirstUse', totalReceived, moment),
    ],
    // Each is said once: that it is large, and that it has become so large that it is contained.
    weight: isContained ? 10 : 1,
    isContained,
  }
}

function sentInMinute({ floats, at }: Pair, sentBytes: number, moment: Moment): number {
  const minute = Math.floor(moment.at / minuteMs) % 1024
  if (floats[at + field.minute] !== minute) floats[at + field.minuteSent] = 0
  floats[at + field.minute] = minute
  floats[at + field.minuteSent] = (floats[at + field.minuteSent] ?? 0) + sentBytes
  return floats[at + field.minuteSent] ?? 0
}
