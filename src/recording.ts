/** Opens the audit log as the configuration says, and tells the operator what becomes of it. */
import { type AppendFile, type AuditStation, openAudit } from './audit/index.ts'
import type { Config } from './config/index.ts'
import type { Logger, Metrics } from './telemetry/index.ts'
import { version } from './version.ts'

export interface RecordingOptions {
  readonly config: Config
  readonly mask: { text(text: string): string; query(query: string): string }
  readonly logger: Logger
  readonly metrics: Metrics
  readonly file: AppendFile | undefined
}

/** Throws as `openAudit`. */
export function openRecording({ config, mask, logger, metrics, file }: RecordingOptions): AuditStation {
  const audit = openAudit({
    ...{ ...config.audit, version, mask },
    ...(file && { file }),
    onBroken: (error) => logger.fatal({ err: error }, 'the audit log is broken: every request is refused until a restart'),
    onRotationFailed: (error) =>
      logger.error({ err: error }, 'the next segment of the audit log cannot be begun: the current one grows meanwhile'),
  })
  metrics.gauge('sallyport_audit_records', 'Records of the audit log.', () => audit.status().records)
  const isBroken = () => (audit.status().broken ? 1 : 0)
  metrics.gauge('sallyport_audit_broken', 'Whether the audit log cannot be written, so that everything is refused.', isBroken)
  return audit
}
