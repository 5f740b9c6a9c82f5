/** From what is ordinary to the number beyond which something is unusual; worked out once an hour, compared at each flow. */
import { denied, requests, sent } from './measures.ts'
import { levels } from './profile.ts'
import { expectedInWindow } from './row-time.ts'
import { field, half, type Row } from './rows.ts'
import { deviationsPerMad, fromOctaves } from './scale.ts'

/** How a rule asks: how far from ordinary, by how much, and from which number on. */
export interface Sensitivity {
  readonly deviations: number
  readonly ratio: number
  readonly minimum: number
}

/** Even a perfectly regular pair is allowed a tenth, as median absolute deviation in octaves. */
const leastMad = 0.14
/** Nobody makes a rule blind by being irregular: noise widens what is ordinary up to this many octaves. */
const maxNoise = { window: 4, hour: 3, quietHour: 2.6 }
/** What the second largest of all days may be exceeded by. */
const peakMargin = 0.5
/** Before so many hours nothing is judged by its own past. */
export const leastHours = 6

/** The chance of counts, as median absolute deviation in octaves: few requests vary more. */
const chance = (count: number): number => 0.97 / Math.sqrt(count + 1)

export interface Baseline {
  /** In octaves. */
  readonly median: number
  readonly mad: number
}

/** What a window of 5 minutes, or the whole hour, is compared with. */
export function baselineOf({ floats, halves, at }: Row, measure: number, of: 'window' | 'hour'): Baseline {
  const center = halves[2 * at + half.center + measure] ?? 0
  const count = fromOctaves(halves[2 * at + half.center] ?? 0)
  if (of === 'hour') return { median: center, mad: hourMad({ halves, at }, measure, count) }
  const bias = halves[2 * at + half.windowBias + measure] ?? 0
  const median = Math.max(0, expectedInWindow(center) + bias)
  const noise = (floats[at + field.windows] ?? 0) < 12 ? 0.5 : 0
  return { median, mad: Math.hypot(halves[2 * at + half.windowMad + measure] ?? 0, leastMad, noise, chance(count / 12)) }
}

/** Of an hour in which so many requests are ordinary, in octaves. */
export function hourMad({ halves, at }: Pick<Row, 'halves' | 'at'>, measure: number, count: number): number {
  return Math.hypot(halves[2 * at + half.hourMad + measure] ?? 0, leastMad, chance(count))
}

/** Whether so much was learned that something can be said. */
export const hasBaseline = ({ floats, halves, at }: Row): boolean =>
  halves[2 * at + half.level] !== levels.none && (floats[at + field.hours] ?? 0) >= leastHours

/** `Infinity` while nothing can be said. */
export function limitOf(row: Row, measure: number, of: 'window' | 'hour', { deviations, ratio, minimum }: Sensitivity): number {
  const { halves, at } = row
  const level = halves[2 * at + half.level] ?? 0
  if (!hasBaseline(row)) return Number.POSITIVE_INFINITY
  const { median, mad } = baselineOf(row, measure, of)
  const isShifted = (halves[2 * at + half.shift] ?? 0) < -1
  const doubt = level === levels.anyHour || isShifted ? 2 : (halves[2 * at + half.samples] ?? 0) < 2 ? 1.5 : 1
  const most =
    of === 'hour' && measure === requests
      ? isShifted
        ? maxNoise.hour
        : maxNoise.quietHour
      : maxNoise[of] * (level === levels.anyHour ? 2 : 1)
  const noise = Math.min(most, deviations * deviationsPerMad * mad * doubt)
  const peaks =
    measure === sent
      ? of === 'window'
        ? half.windowPeaks
        : half.hourPeaks
      : measure === requests && of === 'hour'
        ? half.requestPeaks
        : -1
  // One upload does not make the next usual; two of them on different days do.
  const tolerance = peaks < 0 || (measure === sent && halves[2 * at + peaks + 2] === 0) ? 0 : peakOf(halves, 2 * at + peaks)
  const usual = fromOctaves(median)
  // Uploads are judged by their hour where it is known which hours have some; all else has to be more than on other days.
  const isJudgedByHour =
    measure === denied || (of === 'hour' && measure === requests) || (measure === sent && (halves[2 * at + half.typical] ?? 0) > 0)
  const peak = isJudgedByHour ? 0 : fromOctaves(peakOf(halves, 2 * at + half.dayPeaks + 3 * measure))
  return Math.max(minimum, peak, ratio * doubt * usual, fromOctaves(median + Math.max(noise, tolerance)))
}

/** What other days have seen and a little more: the second largest, so that one day does not hide the next. */
function peakOf(halves: Float16Array, peaks: number): number {
  const known = halves[peaks + 2] || halves[peaks + 1] || 0
  return known === 0 ? 0 : known + peakMargin
}
