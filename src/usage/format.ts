/** The usage report as a table for a terminal. */
import { problems as catalogue, type ProblemCode, sides } from '../core/index.ts'
import type { IntegrationUsage } from './usage.ts'

/** One block an integration: its figures, then a row a bucket. */
export function formatUsage(report: readonly IntegrationUsage[]): string {
  if (report.length === 0) return 'no integration is known\n'
  return `${report.map(formatOne).join('\n\n')}\n`
}

function formatOne({
  integration,
  containment,
  since,
  requests,
  problems,
  originErrors,
  sentBytes,
  receivedBytes,
  latencyMs,
  buckets,
  breakers,
}: IntegrationUsage): string {
  const lines = [
    `${integration === '-' ? 'callers that proved no integration' : integration}`,
    ...(containment === undefined ? [] : [`  state     ${containment}`]),
    ...(since === null ? [] : [`  since     ${since.slice(0, 16).replace('T', ' ')} UTC`]),
    `  requests  ${Object.entries(requests)
      .map(([result, count]) => `${count} ${result}`)
      .join(', ')}`,
    `  bytes     ${formatBytes(sentBytes)} out, ${formatBytes(receivedBytes)} in`,
  ]
  if (latencyMs !== null)
    lines.push(`  latency   p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)}, max ${ms(latencyMs.max)}`)
  const errors = sides.flatMap((side) => {
    const codes = (Object.entries(problems) as [ProblemCode, number][]).filter(([code]) => catalogue[code].side === side)
    return codes.length === 0 ? [] : [`${side}: ${codes.map(([code, count]) => `${code} ${count}`).join(', ')}`]
  })
  if (originErrors > 0) lines.push(`  origins   ${originErrors} of the allowed answered with 5xx by the destination itself`)
  if (errors.length > 0) lines.push(`  problems  ${errors.join('; ')}`)
  for (const { origin, state } of breakers) if (state !== 'closed') lines.push(`  breaker   ${origin} is ${state}`)
  if (buckets.length > 0) {
    const rows = [['bucket', 'level', 'capacity', 'refill/s', 'consumed', 'allowed', 'limited']]
    for (const report of buckets) {
      const show = report.bucket.startsWith('bytes') ? formatBytes : count
      rows.push([
        report.bucket,
        show(report.level),
        show(report.capacity),
        report.refillPerSecond === 0 ? '-' : show(report.refillPerSecond),
        show(report.consumed),
        count(report.allowed),
        count(report.limited),
      ])
    }
    lines.push(...align(rows).map((row) => `  ${row}`))
  }
  return lines.join('\n')
}

function align(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  )
}

function count(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** `812 B`, `10.5 MB`. */
export function formatBytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let scaled = value
  let unit = 0
  while (Math.abs(scaled) >= 1000 && unit < units.length - 1) {
    scaled /= 1000
    unit += 1
  }
  return `${unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`
}

function ms(value: number): string {
  return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(2)} ms`
}
