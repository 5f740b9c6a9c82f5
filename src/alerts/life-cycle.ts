/** The life of an alert: raised, found again, acknowledged, resolved by itself, and back. Without a clock and without a store. */
import { type Alert, type AlertChange, type Found, isAtLeast } from './alert.ts'

/** Of one alert, so that a long list is never written again with each find. */
const maxIds = 10

export function raise({ at, ...found }: Found, id: string): AlertChange {
  const alert: Alert = {
    ...found,
    ids: found.ids.slice(0, maxIds),
    id,
    state: 'open',
    firstAt: at,
    lastAt: at,
    count: 1,
    reopened: 0,
    ...unanswered,
    delivered: {},
    unrecorded: null,
  }
  return { event: 'raised', alert, previousSeverity: null }
}

const unanswered = { acknowledgedBy: null, acknowledgedAt: null, reason: null, resolvedAt: null }

/** `event: null`: it is known, and only its count and last time change. */
export function findAgain(known: Alert, found: Found): AlertChange | { readonly event: null; readonly alert: Alert } {
  if (known.state === 'resolved') {
    const { alert } = raise(found, known.id)
    return { event: 'reopened', alert: { ...alert, reopened: known.reopened + 1, delivered: known.delivered }, previousSeverity: null }
  }
  const isWorse = found.severity !== known.severity && isAtLeast(found.severity, known.severity)
  const { title, detail, measures } = found
  const alert: Alert = {
    ...known,
    lastAt: found.at,
    count: known.count + 1,
    ids: [...new Set([...known.ids, ...found.ids])].slice(0, maxIds),
    // The words are those of the worst.
    ...(isAtLeast(found.severity, known.severity) && { title, detail, measures }),
  }
  if (!isWorse) return { event: null, alert }
  // What was acknowledged was less than this.
  const worse: Alert = { ...alert, severity: found.severity, state: 'open', ...unanswered }
  return { event: 'escalated', alert: worse, previousSeverity: known.severity }
}

/** `null`: it is not open. */
export function acknowledge(known: Alert, by: string, reason: string | null, at: number): AlertChange | null {
  if (known.state !== 'open') return null
  const alert: Alert = { ...known, state: 'acknowledged', acknowledgedBy: by, acknowledgedAt: at, reason }
  return { event: 'acknowledged', alert, previousSeverity: null }
}

/** Its last time is not later than now: the clock was set back since. */
export function inTime(known: Alert, now: number): Alert {
  return known.lastAt <= now + tolerableMs ? known : { ...known, lastAt: now, firstAt: Math.min(known.firstAt, now) }
}

/** The clocks of two processes on one machine, and the end of a slice. */
const tolerableMs = 60_000

/** `null`: it is not active, or was found within `quietMs`. */
export function resolveQuiet(known: Alert, quietMs: number, now: number): AlertChange | null {
  if (known.state === 'resolved' || now - known.lastAt < quietMs) return null
  return { event: 'resolved', alert: { ...known, state: 'resolved', resolvedAt: now }, previousSeverity: null }
}
