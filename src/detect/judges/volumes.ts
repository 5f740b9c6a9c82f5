/** More than is usual in 5 minutes or in the hour: uploads, downloads, floods, denials, and odd hours. */

import type { WatchRules } from '../../config/index.ts'
import { bytesText, countText } from '../../text/index.ts'
import {
  denied,
  field,
  half,
  hasBaseline,
  limitOf,
  type Moment,
  type Pair,
  type Row,
  ratioOf,
  received,
  requests,
  type Sensitivity,
  sent,
  toOctaves,
  uploadRatio,
  windowMeasures,
} from '../baseline/index.ts'
import type { RuleName } from '../finding.ts'
import { againstUsual, timesUsual } from './against-usual.ts'
import { type Draft, measured, withoutBaseline } from './draft.ts'

type Of = 'window' | 'hour'

interface Watch {
  readonly rule: RuleName
  readonly sensitivity: Sensitivity
}

export interface VolumeJudge {
  /** Works out what is too much in the row's open hour. */
  setLimits(row: Row, isWhole: boolean): void
  judge(row: Pair, isWhole: boolean, moment: Moment): readonly Draft[]
}

/** The least rise of sent by received, in octaves: noise of single requests is less. */
const oneSidedOctaves = 1
/** So far below its usual hour, in octaves, an hour is one in which there is hardly anything. */
const quietOctaves = 2
/** Of few requests the deviations say little: the ratio and the smallest number do. */
const oddDeviations = 4
const windowsOfHour = 12
const nothing: readonly Draft[] = []

export function createVolumeJudge(rules: WatchRules): VolumeJudge {
  const watches = watchesOf(rules)

  const limit = (row: Row, isWhole: boolean, of: Of, measure: number): number => {
    const watch = watches[isWhole ? 'whole' : 'pair'][of][measure]
    if (watch === undefined || watch === null) return Number.POSITIVE_INFINITY
    if (watch.rule === 'odd-hour' && !isQuietHour(row)) return Number.POSITIVE_INFINITY
    const learned = limitOf(row, measure, of, watch.sensitivity)
    // Nothing is learned yet: denials are judged by a bound of their own.
    return learned === Number.POSITIVE_INFINITY && watch.rule === 'denials' ? unlearnedBound(watch) : learned
  }

  return {
    setLimits(row, isWhole) {
      for (let measure = 0; measure < windowMeasures; measure++) {
        row.floats[row.at + field.windowLimits + measure] = limit(row, isWhole, 'window', measure)
        row.floats[row.at + field.hourLimits + measure] = limit(row, isWhole, 'hour', measure)
      }
    },
    judge(row, isWhole, moment) {
      const { floats, at } = row
      let found = nothing
      for (let index = 0; index < 2 * windowMeasures; index++) {
        const of = index < windowMeasures ? 'window' : 'hour'
        const measure = index % windowMeasures
        const sum = floats[at + (of === 'window' ? field.windowSums : field.hourSums) + measure] ?? 0
        const limitAt = at + field.windowLimits + index
        if (sum <= (floats[limitAt] ?? 0)) continue
        if (measure === sent && !isMoreOneSided(row, of)) continue
        // Said once; and again where it comes to four times as much.
        floats[limitAt] = 4 * sum
        const watch = watches[isWhole ? 'whole' : 'pair'][of][measure]
        if (watch) found = [...found, draftOf(watch, { row, isWhole, measure, of, sum, moment })]
      }
      return found
    },
  }
}

/** More requests of the usual kind send more, and receive more: only what sends more per byte received is an upload of its own. */
function isMoreOneSided({ floats, halves, at }: Row, of: Of): boolean {
  const sums = at + (of === 'window' ? field.windowSums : field.hourSums)
  const ratio = toOctaves(ratioOf(floats[sums + sent] ?? 0, floats[sums + received] ?? 0))
  return ratio >= (halves[2 * at + half.center + uploadRatio] ?? 0) + oneSidedOctaves
}

const isQuietHour = ({ halves, at }: Row): boolean => {
  const typical = halves[2 * at + half.typical] ?? 0
  return typical > 0 && (halves[2 * at + half.center] ?? 0) <= typical - quietOctaves
}

function watchesOf(rules: WatchRules) {
  const upload = { rule: 'upload-volume', sensitivity: { ...rules['upload-volume'], minimum: rules['upload-volume'].minUpload } } as const
  const download = {
    rule: 'download-volume',
    sensitivity: { ...rules['download-volume'], minimum: rules['download-volume'].minDownload },
  } as const
  const flood = { rule: 'flood', sensitivity: { ...rules.flood, minimum: rules.flood.minRequests } } as const
  const oddHour = {
    rule: 'odd-hour',
    sensitivity: { deviations: oddDeviations, ratio: rules['odd-hour'].ratio, minimum: rules['odd-hour'].minRequests },
  } as const
  const { minDenied } = rules.denials
  const denials = (minimum: number) => ({ rule: 'denials', sensitivity: { ...rules.denials, minimum } }) as const
  const table = (watches: Readonly<Record<number, Watch>>) => watches
  return {
    pair: {
      window: table({ [requests]: flood, [sent]: upload, [received]: download }),
      hour: table({ [sent]: upload, [received]: download }),
    },
    whole: {
      window: table({ [requests]: flood, [denied]: denials(minDenied) }),
      hour: table({ [requests]: oddHour, [denied]: denials(2 * minDenied) }),
    },
  }
}

/** While nothing is learned: nothing ordinary passes it. */
const unlearnedBound = ({ sensitivity }: Watch): number => 3 * sensitivity.minimum

interface Excess {
  readonly row: Pair
  readonly isWhole: boolean
  readonly measure: number
  readonly of: Of
  readonly sum: number
  readonly moment: Moment
}

function draftOf(watch: Watch, { row, isWhole, measure, of, sum, moment }: Excess): Draft {
  const { rule } = watch
  const against = measured(row, measure, of, sum, moment)
  const evidence = hasBaseline(row) ? against : withoutBaseline(against.measure, sum, moment)
  const what = whats[measure]?.(sum, isWhole ? null : row.destination) ?? ''
  const time = of === 'window' ? 'within 5 minutes' : 'within the hour'
  const isBytes = measure === sent || measure === received
  return {
    rule,
    destination: isWhole ? null : row.destination,
    title:
      rule === 'odd-hour'
        ? `${what} in an hour that is usually quiet`
        : `${what} ${time}${timesUsual(evidence, isBytes ? 'much' : 'many')}`,
    detail: againstUsual(row, evidence, unlearnedBound(watch)),
    measures: [evidence],
    // Requests are counted to tell a graver burst; bytes are not comparable with them.
    weight: measure === received ? 1 : of === 'hour' ? sum / windowsOfHour : sum,
  }
}

/** By measure; of a destination, or of the integration as a whole (`null`). */
const whats: readonly ((sum: number, destination: string | null) => string)[] = [
  (sum, destination) => `${countText(sum)} requests${destination === null ? '' : ` to ${destination}`}`,
  (sum, destination) => `Sent ${bytesText(sum)}${destination === null ? '' : ` to ${destination}`}`,
  (sum, destination) => `Received ${bytesText(sum)}${destination === null ? '' : ` from ${destination}`}`,
  (sum) => `${countText(sum)} denied requests`,
]
