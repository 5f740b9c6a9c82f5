/** When it began, was noticed, contained and over, as the records say. */
import type { IndexedRecord } from './incident.ts'

export interface Moment {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly record: number
  /** What tells it. */
  readonly what: string
}

export interface Times {
  readonly firstSign: Moment | null
  readonly detected: Moment | null
  readonly contained: Moment | null
  readonly recovered: Moment | null
  /** Milliseconds; `null` where one of the two is not known. From the first sign to the alert. */
  readonly detectMs: number | null
  /** From the alert (without one, the first sign) to the containment. */
  readonly containMs: number | null
  /** From the containment to its end. */
  readonly recoverMs: number | null
}

/** What cuts an integration off, or slows it down. */
const containing = new Set(['throttled', 'suspended', 'killed'])
const ended = new Set(['acknowledged', 'resolved'])
const over = new Set(['normal', 'watched'])

export interface TimesOf {
  take(record: IndexedRecord): void
  /** By what was taken so far the integration may do nothing. */
  isCut(): boolean
  /** `signs`: of requests; the earliest counts. */
  times(signs: readonly Moment[]): Times
}

/** `alert`: id of the alert that the incident was opened for; else the first one counts. */
export function createTimes(alert: string | null): TimesOf {
  let detected: Moment | null = null
  let contained: Moment | null = null
  let recovered: Moment | null = null
  let isCut = false
  return {
    isCut: () => isCut,
    take({ index, record }) {
      const { type, state } = record
      const moment = (what: string): Moment => ({ time: String(record['time']), record: index, what })
      // What became of an alert later is not when it was raised.
      const isRaised = type === 'alert' && !ended.has(String(record['event']))
      if (isRaised && (alert === null || record['alert'] === alert)) detected ??= moment(`alert ${record['rule'] ?? ''}`.trim())
      const isContained = type === 'suspended' || (type === 'containment' && containing.has(String(state)))
      const isOver = type === 'resumed' || (type === 'containment' && over.has(String(state)))
      if (isContained) {
        // A rule contains before anybody is told, so its alert may stand behind that in the log.
        if (alert === null && String(record['by']).startsWith('rule:')) detected ??= moment(`${state} by ${record['by']}`)
        isCut = state !== 'throttled'
        contained ??= moment(type === 'suspended' ? 'suspended' : String(state))
        recovered = null
      }
      if (isOver) isCut = false
      if (isOver && contained !== null) recovered ??= moment(type === 'resumed' ? 'resumed' : String(state))
    },
    times(signs) {
      const firstSign = signs.toSorted((a, b) => a.time.localeCompare(b.time))[0] ?? null
      const since = detected ?? firstSign
      return {
        ...{ firstSign, detected, contained, recovered },
        detectMs: between(firstSign, detected),
        containMs: between(since, contained),
        recoverMs: between(contained, recovered),
      }
    },
  }
}

function between(from: Moment | null, to: Moment | null): number | null {
  return from === null || to === null ? null : Math.max(0, Date.parse(to.time) - Date.parse(from.time))
}
