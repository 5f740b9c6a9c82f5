/** A finding before the rules say how grave it is, and with what numbers it explains itself. */
import {
  baselineOf,
  deviationsPerMad,
  field,
  fromOctaves,
  half,
  type Measure,
  type Moment,
  measures,
  type Row,
  toOctaves,
} from '../baseline/index.ts'
import type { Measured, RuleName } from '../finding.ts'

export interface Draft {
  readonly rule: RuleName
  readonly destination: string | null
  readonly title: string
  readonly detail: string
  readonly measures: readonly Measured[]
  /** Grows with how grave it is: ten times as much is reported at once, whatever was reported before. */
  readonly weight: number
  /** `false`: it is only told, whatever its rule does else. */
  readonly isContained?: boolean
}

/** A number of a row against its baseline, as numbers that people read. */
export function measured(row: Row, measure: number, of: 'window' | 'hour', value: number, { hourOfWeek }: Moment): Measured {
  const { median, mad } = baselineOf(row, measure, of)
  const usual = fromOctaves(median)
  return {
    measure: nameOf(measure, of),
    value: rounded(value),
    median: rounded(usual),
    mad: rounded(fromOctaves(median + mad) - usual),
    deviations: rounded((toOctaves(value) - median) / (deviationsPerMad * mad)),
    samples: (of === 'hour' ? row.halves[2 * row.at + half.samples] : row.floats[row.at + field.windows]) ?? 0,
    hourOfWeek,
  }
}

/** A number that was passed without a baseline. */
export const withoutBaseline = (measure: string, value: number, { hourOfWeek }: Moment): Measured => ({
  measure,
  value: rounded(value),
  median: null,
  mad: null,
  deviations: null,
  samples: 0,
  hourOfWeek,
})

const nameOf = (measure: number, of: 'window' | 'hour'): string => {
  const name: Measure = measures[measure] ?? 'requests'
  return `${name}In${of === 'hour' ? 'Hour' : '5Minutes'}`
}

const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(4)) : 0)
