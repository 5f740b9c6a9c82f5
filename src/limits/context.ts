/** `input.context`: what the gateway knows of an integration's state when its request is decided. */
import type { ContainmentState, JsonObject } from '../core/index.ts'
import type { LimitsStation } from './limits.ts'

export interface ReadContextOptions extends Pick<LimitsStation, 'report' | 'breakers'> {
  /** What the integration is held in. */
  readonly stateOf: (integration: string) => ContainmentState
}

/** Quarantine and anomaly have no station: they are constants. */
export function createReadContext({ report, breakers, stateOf }: ReadContextOptions) {
  return (integration: string, origin: string | null): JsonObject => ({
    usage: Object.fromEntries(report(integration).map(({ bucket, level }) => [bucket, level])),
    breaker: breakers(integration).find((breaker) => breaker.origin === origin)?.state ?? 'closed',
    containment: stateOf(integration),
    quarantine: false,
    anomaly: 0,
  })
}
