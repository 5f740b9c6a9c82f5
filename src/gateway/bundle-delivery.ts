/** Joins the bundles with where their failures are reported: metrics, the operational log, the audit record. */
import { createDelivery, type Delivery, type Server } from '../bundles/index.ts'
import type { Config } from '../config/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface BundleDeliveryOptions {
  readonly config: Config
  /** By the names of `policy.servers`. */
  readonly servers: ReadonlyMap<string, Server>
  /** A record in the audit log. */
  readonly note: (type: 'rejected', facts: Readonly<Record<string, string>>) => void
  readonly logger: Logger
  readonly metrics: Metrics
}

export function createBundleDelivery({ config, servers, note, logger, metrics }: BundleDeliveryOptions): Delivery {
  const { bundles } = config.policy
  const failures = metrics.labelledCounter(
    'sallyport_bundle_failures_total',
    'Tries to fetch, verify or activate a bundle that failed.',
    'bundle',
    bundles.map(({ name }) => name),
  )
  const delivery = createDelivery({
    bundles,
    servers: config.policy.servers.flatMap((config) => {
      const server = servers.get(config.name)
      return server === undefined ? [] : [{ config: config, server }]
    }),
    folder: config.state.bundles,
    onFailure({ name, problem, isNew, kind }) {
      failures.inc({ bundle: name })
      // What does not go with the rest is reported where it was rejected; the same problem is reported once, however often it is met.
      if (!isNew || kind === 'activation') return
      if (kind === 'bundle') note('rejected', { bundle: name, problem: problem.slice(0, 1000) })
      logger.error({ bundle: name, problem }, 'the bundle cannot be fetched or used: the last good one stays active')
    },
    onUnwatched: (error) => logger.warn({ err: error }, 'changes of a bundle cannot be watched, and are looked for from time to time'),
    onUnkept: (name, error) => logger.error({ bundle: name, err: error }, 'the bundle cannot be kept for a start without its server'),
  })
  const startedAt = Date.now()
  const fetched = new Set(bundles.filter(({ place }) => place.kind === 'server').map(({ name }) => name))
  metrics.labelledGauge('sallyport_bundle_age_seconds', 'Since a bundle was last fetched, or said to be the newest.', 'bundle', () => {
    const ages = new Map<string, number>()
    for (const { name, lastSuccessfulRequest: last } of delivery.statuses())
      if (fetched.has(name)) ages.set(name, (Date.now() - (last === null ? startedAt : Date.parse(last))) / 1000)
    return ages
  })
  return delivery
}
