/** What the operational log says of a request that failed for a reason that its caller is not told: bugs, and destinations that were refused. */
import type { Stations } from '../core/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface Failures extends Pick<Stations, 'onBug' | 'onRefusal'> {
  /** What nothing caught; the connection on whose behalf it was thrown is cut. */
  onUncaught(error: unknown, peer: string): void
}

export function createFailures(metrics: Metrics, logger: Logger): Failures {
  const bugs = metrics.counter('sallyport_internal_errors_total', 'Errors that are bugs of the gateway; each was answered with 500.')
  /** As the records of the request have it, and its spans. */
  const traced = (trace: string | null) => (trace === null ? {} : { trace })
  return {
    onBug(error, arrival, trace) {
      bugs.inc()
      logger.error({ err: error, arrival, ...traced(trace) }, 'an unexpected error')
    },
    onRefusal({ problem, forOperator }, arrival, integration, trace) {
      logger.warn({ problem, arrival, ...traced(trace), integration, detail: forOperator }, 'a destination was refused')
    },
    onUncaught(error, peer) {
      bugs.inc()
      logger.error({ err: error, peer }, 'an unexpected error; the connection that it served is cut')
    },
  }
}
