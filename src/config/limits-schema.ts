/** Limits and breaker settings: the same keys in sallyport.yaml (for all) and in a manifest (for one integration). */
import { z } from 'zod'
import type { BreakerSettings, BucketSettings, LimitSettings } from '../core/index.ts'
import { duration, rate, size } from './quantities.ts'

const bucket = (meaning: string) =>
  z
    .strictObject({
      rate: rate().describe('Tokens that flow back, a second, minute or hour.'),
      burst: size().describe('Tokens the full bucket holds; the rate of one second where absent.').optional(),
    })
    .describe(meaning)

export const limitsSchema = z.strictObject({
  arrivals: bucket('Every arrival, refused ones too.').optional(),
  requests: bucket('Requests that the policy allowed.').optional(),
  bytesOut: bucket('Bytes from the integration to its destinations.').optional(),
  bytesIn: bucket('Bytes from destinations to the integration.').optional(),
  concurrency: z.int().positive().describe('Requests, tunnels and sockets open at once.').optional(),
})

export const breakerSchema = z.strictObject({
  errorThresholdPercent: z
    .number()
    .min(1)
    .max(100)
    .describe('Failures among the requests of the window that open the breaker, in percent.')
    .optional(),
  minimumRequests: z.int().positive().describe('Requests in the window before it may open.').optional(),
  window: duration().describe('How far back requests are counted.').optional(),
  reset: duration().describe('How long it stays open before one trial request.').optional(),
})

/** What holds where neither file says anything. */
export const builtInLimits: LimitSettings = {
  arrivals: { rate: 1000, burst: 2000 },
  requests: { rate: 500, burst: 1000 },
  bytesOut: { rate: 50e6, burst: 500e6 },
  bytesIn: { rate: 100e6, burst: 1e9 },
  concurrency: 256,
}

export const builtInBreaker: BreakerSettings = { errorThresholdPercent: 50, minimumRequests: 20, windowMs: 10_000, resetMs: 5000 }

export function limitsFrom(given: z.output<typeof limitsSchema> | undefined, defaults: LimitSettings): LimitSettings {
  const settings = (stated: { rate: number; burst?: number | undefined } | undefined, otherwise: BucketSettings): BucketSettings =>
    stated === undefined ? otherwise : { rate: stated.rate, burst: Math.max(1, stated.burst ?? Math.ceil(stated.rate)) }
  return {
    arrivals: settings(given?.arrivals, defaults.arrivals),
    requests: settings(given?.requests, defaults.requests),
    bytesOut: settings(given?.bytesOut, defaults.bytesOut),
    bytesIn: settings(given?.bytesIn, defaults.bytesIn),
    concurrency: given?.concurrency ?? defaults.concurrency,
  }
}

export function breakerFrom(given: z.output<typeof breakerSchema> | undefined, defaults: BreakerSettings): BreakerSettings {
  return {
    errorThresholdPercent: given?.errorThresholdPercent ?? defaults.errorThresholdPercent,
    minimumRequests: given?.minimumRequests ?? defaults.minimumRequests,
    windowMs: given?.window ?? defaults.windowMs,
    resetMs: given?.reset ?? defaults.resetMs,
  }
}
