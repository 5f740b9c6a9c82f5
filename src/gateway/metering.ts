/** Joins what is counted per integration: limits, usage that is kept over restarts, and the metrics of both. */
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { Contained, Integration } from '../core/index.ts'
import type { WatchEvent } from '../detect/index.ts'
import { createLimits, type LimitsStation } from '../limits/index.ts'
import { createSlices, type Logger, type Metrics } from '../telemetry/index.ts'
import { createUsage, createUsageKeeper, type UsageKeeper, type UsageStation, usageSeries } from '../usage/index.ts'

export interface MeteringOptions {
  readonly config: Config
  readonly note: AuditStation['note']
  /** What is watched: a breaker that changes. */
  readonly watch: (event: WatchEvent) => void
  /** Of the integrations in force. */
  readonly names: () => readonly string[]
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** What an integration is held in; `null`: normal. */
  readonly containedIn: (integration: string) => Contained | null
  readonly logger: Logger
  readonly metrics: Metrics
}

export interface Metering {
  readonly limits: LimitsStation
  readonly usage: UsageStation
  readonly keeper: UsageKeeper
  /** Usage of all, in slices that leave requests their turn. */
  report(): AsyncIterable<string>
  /** From now on these have limits, and are counted. */
  update(integrations: readonly Integration[]): void
}

export function createMetering({ config, note, watch, names, now, containedIn, logger, metrics }: MeteringOptions): Metering {
  const stateOf = (name: string) => containedIn(name)?.state ?? 'normal'
  const limits = createLimits({
    now,
    shareKept: (name) => (stateOf(name) === 'throttled' ? config.containment.throttle : 1),
    maxPolicyBodyBytes: config.http.maxPolicyBodyBytes,
    maxPolicyBodiesBytes: config.http.maxPolicyBodiesBytes,
    peerArrivals: config.defaults.limits.arrivals,
    onBreakerChange(integration, { origin, state }) {
      note('breaker', { integration, origin, state })
      watch({ type: 'breaker', integration, destination: origin, facts: { state }, at: Date.now() })
      logger.warn({ integration, origin, state }, 'a breaker changed')
    },
  })
  const usage = createUsage({ buckets: limits.report, breakers: limits.breakers, stateOf })
  const keeper = createUsageKeeper({
    usage,
    folder: config.state.usage,
    onProblem: (problem) => logger.warn({ problem }, 'usage is not kept whole'),
  })
  metrics.perIntegration((format) => usageSeries({ format, usage, limits, names }))
  const slices = createSlices()
  return {
    limits,
    usage,
    keeper,
    report: () => slices(usage.reportText(names())),
    update(integrations) {
      limits.update(integrations)
      usage.update(integrations.map(({ name }) => name))
    },
  }
}
