/** Limits and breaker settings: the same keys in sallyport.yaml (for all) and in a manifest (for one integration). */
import { z } from 'zod'
import type { BreakerSettings, BucketSettings, LimitSettings } from '../core/index.ts'
import { duration, rate, size } from './quantities.ts'

const bucket = (meaning: string) =>
  z
    .strictObject({
      rate: rate().describe('Refill rate, in tokens per second, minute or hour.'),
      burst: size(1).describe('Tokens the full bucket holds; the rate of one second where absent.').optional(),
    })
    .describe(meaning)

export const limitsSchema = z.strictObject({
  arrivals: bucket('Every arrival, refused ones too.').optional(),
  requests: bucket('Requests that the policy allowed.').optional(),
  bytesOut: bucket('Bytes from the integration to its destinations. Empty, it slows what is under way to its rate.').optional(),
  bytesIn: bucket('Bytes from destinations to the integration. Empty, it slows what is under way to its rate.').optional(),
  concurrency: z
    .int()
    .positive()
    .describe('Requests, tunnels and WebSockets open at once. An intercepted CONNECT does not count.')
    .optional(),
  connections: z
    .int()
    .positive()
    .describe('Connections to the gateway at once, including idle and intercepted ones. Beyond it the oldest idle one is closed.')
    .optional(),
})

export const breakerSchema = z.strictObject({
  errorThresholdPercent: z
    .number()
    .min(1)
    .max(100)
    .describe(
      'Failures among the requests of the window that open the breaker, in percent: no connection, no answer in time, 5xx, an answer that breaks off, and callers that left after a second while no caller got an answer.',
    )
    .optional(),
  minimumRequests: z.int().positive().describe('Requests in the window before it may open.').optional(),
  window: duration().describe('The time over which requests are counted.').optional(),
  reset: duration().describe('How long it stays open before one trial request.').optional(),
})

const { arrivals, requests, bytesOut, bytesIn, concurrency, connections } = limitsSchema.shape

/** As sallyport.yaml has them: what holds where neither file says anything is filled in. */
export const gatewayLimitsSchema = z.strictObject({
  arrivals: arrivals.unwrap().prefault({ rate: '1000/s', burst: 2000 }),
  requests: requests.unwrap().prefault({ rate: '500/s', burst: 1000 }),
  bytesOut: bytesOut.unwrap().prefault({ rate: '50MB/s', burst: '500MB' }),
  bytesIn: bytesIn.unwrap().prefault({ rate: '100MB/s', burst: '1GB' }),
  concurrency: concurrency.unwrap().prefault(256),
  connections: connections.unwrap().prefault(2000),
})

export const gatewayBreakerSchema = z.strictObject({
  errorThresholdPercent: breakerSchema.shape.errorThresholdPercent.unwrap().prefault(50),
  minimumRequests: breakerSchema.shape.minimumRequests.unwrap().prefault(20),
  window: breakerSchema.shape.window.unwrap().prefault('10s'),
  reset: breakerSchema.shape.reset.unwrap().prefault('5s'),
})

function settingsOf({ rate, burst }: { readonly rate: number; readonly burst?: number | undefined }): BucketSettings {
  return { rate, burst: burst ?? Math.max(1, Math.ceil(rate)) }
}

export function gatewayLimits(given: z.output<typeof gatewayLimitsSchema>): LimitSettings {
  return {
    arrivals: settingsOf(given.arrivals),
    requests: settingsOf(given.requests),
    bytesOut: settingsOf(given.bytesOut),
    bytesIn: settingsOf(given.bytesIn),
    concurrency: given.concurrency,
    connections: given.connections,
  }
}

export function gatewayBreaker({ window, reset, ...rest }: z.output<typeof gatewayBreakerSchema>): BreakerSettings {
  return { ...rest, windowMs: window, resetMs: reset }
}

/** A manifest's own; what it leaves out comes from `defaults`. */
export function limitsFrom(given: z.output<typeof limitsSchema> | undefined, defaults: LimitSettings): LimitSettings {
  return {
    arrivals: given?.arrivals === undefined ? defaults.arrivals : settingsOf(given.arrivals),
    requests: given?.requests === undefined ? defaults.requests : settingsOf(given.requests),
    bytesOut: given?.bytesOut === undefined ? defaults.bytesOut : settingsOf(given.bytesOut),
    bytesIn: given?.bytesIn === undefined ? defaults.bytesIn : settingsOf(given.bytesIn),
    concurrency: given?.concurrency ?? defaults.concurrency,
    connections: given?.connections ?? defaults.connections,
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
