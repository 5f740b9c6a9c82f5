/** Joins what is done with the audit log beside writing it: it is shipped, held, kept within bounds, reviewed and indexed. */
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { Holds } from '../holds/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { startIndexingOf } from './indexing.ts'
import { createKeeping, type Keeping } from './keeping.ts'
import { createLegalHolds } from './legal-holds.ts'
import { createReviewing } from './reviewing.ts'
import { createShipping, type Shipping } from './shipping.ts'

export interface LogWork {
  readonly shipping: Shipping
  readonly keeping: Keeping
  /** Legal holds. */
  readonly holds: Holds
  /** Once the gateway serves. Room is asked for before (`keeping.start`). */
  start(): Promise<void>
  /** Before the log is closed; `shipping` is closed behind it, so that the log's end is shipped too. */
  close(): Promise<void>
}

export interface LogWorkOptions {
  readonly config: Config
  readonly version: string
  readonly audit: AuditStation
  readonly logger: Logger
  readonly metrics: Metrics
  /** Milliseconds since the epoch, by which records are old. */
  readonly wallClock?: (() => number) | undefined
}

export function createLogWork({ config, version, audit, logger, metrics, wallClock }: LogWorkOptions): LogWork {
  const shipping = createShipping({ config, version, audit, logger, metrics })
  const holds = createLegalHolds(config, audit, logger)
  const keeping = createKeeping({ config, audit, sinks: shipping.status, heldFrom: holds.heldFrom, logger, metrics, wallClock })
  const reviewing = createReviewing({ config, audit, logger, metrics })
  let indexing: { close(): void } | null = null
  return {
    shipping,
    keeping,
    holds,
    async start() {
      void holds.start()
      await shipping.start()
      await reviewing.start()
      indexing = await startIndexingOf(config, logger)
    },
    async close() {
      await reviewing.close()
      indexing?.close()
      keeping.close()
    },
  }
}
