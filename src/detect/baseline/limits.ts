/** From what is ordinary to the number beyond which something is unusual; worked out once an hour, compared at each flow. */
import { denied, requests, sent } from './measures.ts'
import { levels } from './profile.ts'
import { expectedInWindow } from './row-time.ts'
import { field, type Row } from './rows.ts'
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
export function baselineOf({ floats, at }: Row, measure: number, of: 'window' | 'hour'): Baseline {
  const center = floats[at + field.center + measure] ?? 0
  const count = fromOctaves(floats[at + field.center] ?? 0)
  if (of === 'hour') return { median: center, mad: hourMad({ floats, at }, measure, count) }
  const bias = floats[at + field.windowBias + measure] ?? 0
  const median = Math.max(0, expectedInWindow(center) + bias)
  const noise = (floats[at + field.windows] ?? 0) < 12 ? 0.5 : 0
  return { median, mad: Math.hypot(floats[at + field.windowMad + measure] ?? 0, leastMad, noise, chance(count / 12)) }
}

/** Of an hour in which so many requests are ordinary, in octaves. */
export function hourMad({ floats, at }: Pick<Row, 'floats' | 'at'>, measure: number, count: number): number {
  return Math.hypot(floats[at + field.hourMad + measure] ?? 0, leastMad, chance(count))
}

/** Whether so much was learned that something can be said. */
export const hasBaseline = ({ floats, at }: Row): boolean =>
  floats[at + field.level] !== levels.none && (floats[at + field.hours] ?? 0) >= leastHours

/** `Infinity` while nothing can be said. */
export function limitOf(row: Row, measure: number, of: 'window' | 'hour', { deviations, ratio, minimum }: Sensitivity): number {
  const { floats, at } = row
  const level = floats[at + field.level] ?? 0
  if (!hasBaseline(row)) return Number.POSITIVE_INFINITY
  const { median, mad } = baselineOf(row, measure, of)
  const isShifted = (floats[at + field.shift] ?? 0) < -1
  const doubt = level === levels.anyHour || isShifted ? 2 : (floats[at + field.samples] ?? 0) < 2 ? 1.5 : 1
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
        ? field.windowPeaks
        : field.hourPeaks
      : measure === requests && of === 'hour'
        ? field.requestPeaks
        : -1
  // One upload does not make the next usual; two of them on different days do.
  const tolerance = peaks < 0 || (measure === sent && floats[at + peaks + 2] === 0) ? 0 : peakOf(floats, at + peaks)
  const usual = fromOctaves(median)
  // Uploads are judged by their hour where it is known which hours have some; all else has to be more than on other days.
  const isJudgedByHour =
    measure === denied || (of === 'hour' && measure === requests) || (measure === sent && (floats[at + field.typical] ?? 0) > 0)
  const peak = isJudgedByHour ? 0 : fromOctaves(peakOf(floats, at + field.dayPeaks + 3 * measure))
  return Math.max(minimum, peak, ratio * doubt * usual, fromOctaves(median + Math.max(noise, tolerance)))
}

/** What other days have seen and a little more: the second largest, so that one day does not hide the next. */
function peakOf(floats: Float32Array, peaks: number): number {
  const known = floats[peaks + 2] || floats[peaks + 1] || 0
  return known === 0 ? 0 : known + peakMargin
}
