/** Usage by windows of time: which there are, how long each is kept, and what a row says. */
import type { LowestLevels } from '../core/index.ts'

export const usageWindows = ['minute', 'hour', 'day', 'month'] as const
export type UsageWindow = (typeof usageWindows)[number]

/** Sums of one integration in one window; what is counted is as in a flow of `src/watch/slice.ts`. */
export interface UsageRow extends Readonly<Record<UsageCount, number>> {
  readonly integration: string
  /** Its beginning, in milliseconds since the epoch; days and months are of UTC. */
  readonly at: number
  /** Of those that ended, tunnels and WebSockets apart, the longest. */
  readonly maxMs: number
  /** `null` where it is not known: of callers that proved no integration, and of what an older version kept. */
  readonly lowest: LowestLevels | null
}

/** `ended` and `totalMs`: of requests that ended, tunnels and WebSockets apart. */
export const usageCounts = [
  'requests',
  'denied',
  'limited',
  'failed',
  'originErrors',
  'sentBytes',
  'receivedBytes',
  'ended',
  'totalMs',
] as const
export type UsageCount = (typeof usageCounts)[number]

export interface UsageSeries {
  readonly window: UsageWindow
  /** By integration and then by time; windows in which nothing happened are left out. */
  readonly rows: readonly UsageRow[]
  /** Give it as `after` for the integrations behind these; `null`: there are none. */
  readonly next: string | null
  /** Beginning of the oldest window that is kept, in milliseconds since the epoch; `null`: none is. */
  readonly oldest: number | null
}

const dayMs = 86_400_000

/** How long a window is kept at most, and how many are shown where no time is given. */
export const windowSettings: Readonly<Record<UsageWindow, { readonly keptMs: number; readonly shown: number }>> = {
  minute: { keptMs: dayMs / 4, shown: 60 },
  hour: { keptMs: 14 * dayMs, shown: 48 },
  day: { keptMs: 400 * dayMs, shown: 30 },
  month: { keptMs: 3660 * dayMs, shown: 12 },
}

/** Beginning of the window that the time is in. */
export function windowOf(window: UsageWindow, at: number): number {
  const date = new Date(at)
  switch (window) {
    case 'minute':
      return Math.floor(at / 60_000) * 60_000
    case 'hour':
      return Math.floor(at / 3_600_000) * 3_600_000
    case 'day':
      return Math.floor(at / dayMs) * dayMs
    case 'month':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
  }
}

/** Beginning of the window that is so many behind; negative: before. */
export function windowBehind(window: UsageWindow, at: number, count: number): number {
  const date = new Date(windowOf(window, at))
  switch (window) {
    case 'minute':
      return date.getTime() + count * 60_000
    case 'hour':
      return date.getTime() + count * 3_600_000
    case 'day':
      return date.getTime() + count * dayMs
    case 'month':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count)
  }
}
