/** `input.context`: what the gateway knows of an integration's state when its request is decided. */
import type { JsonObject } from '../core/index.ts'
import type { LimitsStation } from './limits.ts'

/** Quarantine and anomaly have no station yet: they are constants. */
export function createReadContext({ report, breakers }: Pick<LimitsStation, 'report' | 'breakers'>) {
  return (integration: string, origin: string | null): JsonObject => ({
    usage: Object.fromEntries(report(integration).map(({ bucket, level }) => [bucket, level])),
    breaker: breakers(integration).find((breaker) => breaker.origin === origin)?.state ?? 'closed',
    quarantine: false,
    anomaly: 0,
  })
}
