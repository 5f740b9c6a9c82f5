/** Sizes, counts, times and shares in messages that are read in a hurry: three digits at most, and a unit. */

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

/** `4,980`; with fewer than ten, `3.4`. */
export const countText = (count: number): string => (Math.abs(count) < 10 ? String(Number(count.toFixed(1))) : grouped.format(count))

/** `812 B`, `14.2 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const scaled = short.format(bytes / 1000 ** unit)
  return scaled === '1,000' && unit < units.length - 1 ? `1 ${units[unit + 1]}` : `${scaled} ${units[unit]}`
}

/** `71 %`. */
export const percentText = (share: number): string => `${short.format(Number((share * 100).toFixed(share < 0.1 ? 1 : 0)))} %`

const spans = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
  { unit: 'second', ms: 1000 },
] as const

/** `5 minutes`, `1.5 hours`, `20 seconds`. */
export function durationText(ms: number): string {
  const { unit, ms: size } = spans.find((span) => ms >= span.ms) ?? spans[3]
  return counted(Number((ms / size).toFixed(1)), unit)
}

/** `1 hour`, `3 hours`. */
export const counted = (count: number, noun: string, nouns = `${noun}s`): string => `${countText(count)} ${count === 1 ? noun : nouns}`
