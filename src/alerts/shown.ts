/** Alerts as others see them: times as people and programs read them. */
import type { Alert } from './alert.ts'

export function shownAlert({ delivered, unrecorded: _unrecorded, firstAt, lastAt, acknowledgedAt, resolvedAt, ...alert }: Alert) {
  return {
    ...alert,
    ...{ firstAt: isoOf(firstAt), lastAt: isoOf(lastAt) },
    acknowledgedAt: acknowledgedAt === null ? null : isoOf(acknowledgedAt),
    resolvedAt: resolvedAt === null ? null : isoOf(resolvedAt),
    delivered: Object.fromEntries(Object.entries(delivered).map(([receiver, at]) => [receiver, isoOf(at)])),
  }
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
