/** Joins the shipping of the log to its sinks: the process that does it, what it has recorded, and how far it has come. */
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { ShipperProcess } from '../sinks/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { createSinkReports, type SinkStatus } from './sink-reports.ts'

export interface Shipping {
  start(): Promise<void>
  /** SIGHUP: files that were renamed are opened anew. */
  reopen(): void
  status(): readonly SinkStatus[]
  /** Once the log is closed: what is in it is shipped within a bounded time. */
  close(): Promise<void>
}

export interface ShippingOptions {
  readonly config: Config
  readonly version: string
  readonly audit: Pick<AuditStation, 'note' | 'noted' | 'status'>
  readonly logger: Logger
  readonly metrics: Metrics
}

/** As for the reports: a pod is not given much more. */
const maxFlushMs = 5000

/** Nothing is started, and nothing loaded, where no sink is configured. */
export function createShipping({ config, version, audit, logger, metrics }: ShippingOptions): Shipping {
  const { sinks, witness, folder } = config.audit
  const reported = witness === null ? sinks : [...sinks, { name: 'witness', type: 'witness' }]
  const reports = createSinkReports({ sinks: reported, records: () => audit.status().records, now: Date.now, logger, metrics })
  let shipper: ShipperProcess | null = null

  return {
    async start() {
      if (reported.length === 0) return
      const { startShipper } = await import('../sinks/index.ts')
      shipper = startShipper(
        { folder, sinks, witness, state: config.state, version },
        {
          onProgress: reports.take,
          async note(event, facts) {
            logger.error({ ...facts }, problems[event])
            audit.note(event, facts)
            await audit.noted()
          },
          onMaskFailure: (sink, problem) =>
            logger.warn({ sink, problem }, 'the rules of a sink fail on a record, of which only time and type are shipped'),
          onEnd: (how, words) => logger.error({ how, words }, 'the process that ships the audit log has ended, and is started again'),
        },
      )
    },
    reopen: () => shipper?.reopen(),
    status: reports.status,
    async close() {
      await shipper?.close(audit.status().records, Math.min(maxFlushMs, config.drainTimeoutMs))
    },
  }
}

const problems = {
  'sink-refused': 'a sink refuses records for good: it will not have them; the audit log has',
  'sink-gap': 'records were removed from the audit log before a sink had them',
} satisfies Record<string, string>
