/** Usage by windows as a terminal shows it: a line per integration, with a spark for each window. */
import { formatBytes, sparkline } from '../usage/index.ts'
import { type UsageCount, type UsageRow, type UsageWindow, windowBehind, windowOf } from '../watch/index.ts'
import { asTable } from './audit/index.ts'

interface Shown {
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly until: number
  /** Beginning of the oldest window that is kept. */
  readonly oldest: number | null
}

/** More windows than this are added up in groups, so that a line fits a terminal. */
const maxSparks = 60

export function formatWindows(window: UsageWindow, rows: readonly UsageRow[], { since, until, oldest }: Shown): string {
  const windows = windowsOf(window, since, until)
  const span = `${new Date(since).toISOString()} – ${new Date(until).toISOString()}, per ${window}`
  const kept = oldest !== null && oldest > since ? `; what is kept begins at ${new Date(oldest).toISOString()}` : ''
  if (rows.length === 0) return `nothing was asked for from ${span}${kept}\n`
  const byIntegration = Map.groupBy(rows, ({ integration }) => integration)
  const lines = [...byIntegration].map(([integration, own]) => {
    const requests = valuesOf(windows, own, 'requests')
    const sent = valuesOf(windows, own, 'sentBytes')
    const ended = sum(own, 'ended')
    return [
      integration === '-' ? '(not identified)' : integration,
      ...[sparkline(requests), String(sum(own, 'requests')), String(sum(own, 'denied')), String(sum(own, 'limited'))],
      ...[String(sum(own, 'failed') + sum(own, 'originErrors')), ended === 0 ? '-' : `${(sum(own, 'totalMs') / ended).toFixed(1)} ms`],
      ...[sparkline(sent), formatBytes(sum(own, 'sentBytes')), formatBytes(sum(own, 'receivedBytes'))],
    ]
  })
  const head = ['integration', 'requests', 'total', 'denied', 'limited', 'failed', 'mean', 'sent', 'total', 'received']
  return `${span}${kept}\n${asTable([head, ...lines])}`
}

/** Beginnings, in groups where there are too many. */
function windowsOf(window: UsageWindow, since: number, until: number): readonly (readonly number[])[] {
  const all: number[] = []
  for (let at = windowOf(window, since); at < until; at = windowBehind(window, at, 1)) all.push(at)
  const size = Math.ceil(all.length / maxSparks)
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}

function valuesOf(windows: readonly (readonly number[])[], rows: readonly UsageRow[], member: 'requests' | 'sentBytes'): readonly number[] {
  const byTime = new Map(rows.map((row) => [row.at, row[member]]))
  return windows.map((group) => group.reduce((total, at) => total + (byTime.get(at) ?? 0), 0))
}

function sum(rows: readonly UsageRow[], member: UsageCount): number {
  return rows.reduce((total, row) => total + row[member], 0)
}
