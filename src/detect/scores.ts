/** What the detector knows, for people: how far each pair is from what is usual now. */
import { field, fromOctaves, half, hourValues, type Integration, type Moment, measureCount, measures, type Pair } from './baseline/index.ts'
import type { Measured } from './finding.ts'
import { measured } from './judges/index.ts'

const levelNames = ['nothing', 'all hours', 'the same hour of other days', 'the same hour of the week'] as const

export interface Score {
  readonly integration: string
  /** `null`: the integration as a whole. */
  readonly destination: string | null
  /** The largest deviation of the open hour, above what is usual; 0 where there is no baseline. */
  readonly score: number
  /** What the open hour is compared with. */
  readonly comparedWith: (typeof levelNames)[number]
  /** Hours that were learned. */
  readonly hours: number
  readonly measures: readonly Measured[]
}

const values = new Float32Array(measureCount)

export function scoreOf(pair: Pair, of: Integration, moment: Moment): Score {
  const { floats, halves, at } = pair
  const isWhole = pair === of.whole
  const isOpen = floats[at + field.hour] === moment.hour
  hourValues(pair, values, isWhole ? of.destinations : null)
  const level = halves[2 * at + half.level] ?? 0
  const all = measures.flatMap((_, measure) =>
    level === 0 || measure === measures.indexOf('uploadRatio')
      ? []
      : [measured(pair, measure, 'hour', isOpen ? fromOctaves(values[measure] ?? 0) : 0, moment)],
  )
  return {
    integration: of.name,
    destination: isWhole ? null : pair.destination,
    score: Math.max(0, ...all.map(({ deviations }) => deviations ?? 0)),
    comparedWith: levelNames[level] ?? 'nothing',
    hours: floats[at + field.hours] ?? 0,
    measures: all,
  }
}
