/** Times as flags give them. */
import { InvalidArgumentError } from 'commander'

const unitsMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `2h`, `30m`, `7d` before now, or a date or time in ISO 8601. For a flag: throws `InvalidArgumentError`. */
export function parseSince(text: string, now = Date.now()): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * unitsMs[unit as keyof typeof unitsMs]
  const at = /^\d{4}-\d{2}-\d{2}(?:T|$)/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('it is a time span such as "2h" or "7d", or a time such as "2026-01-31T08:00:00Z"')
  return at
}
