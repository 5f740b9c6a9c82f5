/** How a finding says against what its number is unusual: what is usual, and what the deviations mean. */
import { half, hasBaseline, levels, type Row } from '../baseline/index.ts'
import type { Measured } from '../finding.ts'
import { amountText, deviationsText, ordinaryDeviations, usualText } from '../measured-text.ts'

/** More than so many times as much needs no number. */
const manyTimes = 1000

/** `, 11 times as much as usual`; of what has nothing usual, that. */
export function timesUsual({ value, median }: Measured, as: 'much' | 'many'): string {
  if (median === null) return ''
  const times = value / median
  if (median < 1) return `, where ${as === 'much' ? 'nothing' : 'none'} is usual`
  if (times > manyTimes) return `, more than ${manyTimes.toLocaleString('en')} times as ${as} as usual`
  return `, ${times >= 10 ? Math.round(times).toLocaleString('en') : Number(times.toFixed(1))} times as ${as} as usual`
}

/** `Usual in 5 minutes at this hour: 200 kB (up to 410 kB). This is 11 deviations above it; up to 3 is ordinary.` */
export function againstUsual(row: Row, measured: Measured, bound: number): string {
  if (!hasBaseline(row)) return `What is usual is not known yet; the rule reports from ${amountText(measured.measure, bound)} on.`
  const time = measured.measure.endsWith('In5Minutes') ? ' in 5 minutes' : ''
  return `${usually(row, time)}: ${usualText(measured)}. ${meaning(measured)}`
}

/** What is learned of a few hours is not of this one. */
export const usually = ({ halves, at }: Row, time = ''): string =>
  `Usual${time} ${(halves[2 * at + half.level] ?? 0) > levels.anyHour ? 'at this hour' : 'so far'}`

function meaning({ deviations }: Measured): string {
  const far = deviationsText(deviations ?? 0)
  return (deviations ?? 0) > ordinaryDeviations
    ? `This is ${far} above it; up to ${ordinaryDeviations} is ordinary.`
    : `This is only ${far} above it, since it varies that much; what counts is how many times as much it is.`
}
