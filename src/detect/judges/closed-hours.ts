/** What is only seen when 5 minutes or an hour are over: a little too much for hours, and requests that keep failing. */

import type { WatchRules } from '../../config/index.ts'
import { bytesText, counted, countText, durationText, percentText } from '../../text/index.ts'
import {
  baselineOf,
  deviationsPerMad,
  failed,
  field,
  fromOctaves,
  half,
  hourValues,
  levels,
  type Moment,
  measureCount,
  type Pair,
  requests,
  sent,
  uploadRatio,
  windowMs,
} from '../baseline/index.ts'
import { deviationsText, usualText } from '../measured-text.ts'
import { usually } from './against-usual.ts'
import { type Draft, measured, withoutBaseline } from './draft.ts'

const values = new Float32Array(measureCount)
/** So much of the excess, in octaves, has to be more than requests alone explain. */
const unexplained = 0.4

/** Before the hour is learned. */
export function judgeLeak(pair: Pair, rules: WatchRules, moment: Moment): Draft | null {
  const { floats, halves, at } = pair
  const rule = rules['slow-leak']
  if ((halves[2 * at + half.level] ?? 0) < levels.hourOfDay || pair.isNew) return null
  const amount = floats[at + field.hourSums + sent] ?? 0
  if (amount === 0) return null
  hourValues(pair, values, 0)
  const over = (measure: number) => (values[measure] ?? 0) - (halves[2 * at + half.center + measure] ?? 0)
  const { mad } = baselineOf(pair, sent, 'hour')
  const isMore =
    amount >= rule.minUpload &&
    over(sent) >= Math.max(Math.log2(rule.ratio), rule.deviations * deviationsPerMad * mad) &&
    over(sent) - Math.max(0, over(requests)) >= unexplained &&
    (over(uploadRatio) >= unexplained || (halves[2 * at + half.center + requests] ?? 0) < 1)
  const hours = Math.max(0, (floats[at + field.leakHours] ?? 0) + (isMore ? 1 : -1))
  floats[at + field.leakHours] = hours >= rule.hours ? 0 : hours
  if (hours < rule.hours) return null
  const evidence = measured(pair, sent, 'hour', amount, moment)
  return {
    rule: 'slow-leak',
    destination: pair.destination,
    title: `More sent than usual to ${pair.destination} in ${counted(hours, 'hour')}, ${bytesText(amount)} in the last`,
    detail: `${usually(pair)}: ${usualText(evidence)}. The last hour is ${deviationsText(evidence.deviations ?? 0)} above it; one such hour may be chance, ${hours} are not.`,
    measures: [evidence],
    weight: 1,
  }
}

/** Before the 5 minutes are learned. */
export function judgeErrors(pair: Pair, { errors }: WatchRules, moment: Moment): Draft | null {
  const { floats, halves, at } = pair
  const all = floats[at + field.windowSums + requests] ?? 0
  const failures = floats[at + field.windowSums + failed] ?? 0
  const usual =
    fromOctaves(halves[2 * at + half.center + failed] ?? 0) / Math.max(1, fromOctaves(halves[2 * at + half.center + requests] ?? 0))
  const isFailing = all >= errors.minRequests && failures >= errors.share * all && usual < errors.share / 2
  const windows = isFailing ? (floats[at + field.failedWindows] ?? 0) + 1 : 0
  floats[at + field.failedWindows] = windows
  if (windows < errors.windows) return null
  return {
    rule: 'errors',
    destination: pair.destination,
    title: `${percentText(failures / all)} of the requests to ${pair.destination} failed, for ${durationText(windows * windowMs)}`,
    detail: `${countText(failures)} of ${countText(all)} in the last 5 minutes. ${usually(pair)}: ${percentText(usual)}.`,
    measures: [withoutBaseline('failedShare', failures / all, moment)],
    weight: 1,
  }
}
