/** Makes sure that no other gateway uses the same folders, opens the audit log, and reports its state to the operator. */
import { existsSync, realpathSync } from 'node:fs'
import { type AppendFile, type AuditMask, type AuditStation, openAudit } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import type { AccessRequest, Claim, JsonObject, Needs, RedactionSettings } from '../core/index.ts'
import { lockFolder } from '../files/index.ts'
import { inputOf, type Redact } from '../reporting/index.ts'
import { signerOf } from '../signing/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { version } from '../version.ts'

/** What the policy is shown of a request. */
interface Shown {
  readonly redact: { of(own: RedactionSettings): Redact }
  needs(): Needs
  context(integration: string, origin: string | null): JsonObject
}

export interface RecordingOptions {
  readonly config: Config
  readonly mask: AuditMask
  /** Absent where nothing is decided. */
  readonly shown?: Shown
  readonly logger: Logger
  readonly metrics: Metrics
  readonly file: AppendFile | undefined
}

/**
 * Before anything else is written to the state folder, which is there: closing the log is the last thing that is done with it.
 * Throws as `lockFolder` and `openAudit`.
 */
export async function openRecording(options: RecordingOptions): Promise<AuditStation> {
  const unlock = lockFolder(options.config.state.folder)
  try {
    const audit = await openLog(options)
    return { ...audit, close: () => audit.close().finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}

async function openLog({ config, mask, shown, logger, metrics, file }: RecordingOptions): Promise<AuditStation> {
  const audit = await openAudit({
    ...{ ...config.audit, version, mask, signer: signerOf(config.audit.key) },
    ...(file && { file }),
    ...(config.audit.input && shown !== undefined && { inputOf: recordedInput(shown) }),
    ...(isSameFolder(config.state.folder, config.audit.folder) && { lock: () => () => {} }),
    onBroken: (error) => logger.fatal({ err: error }, 'the audit log is broken: every request is refused until a restart'),
    onRotationFailed: (error) =>
      logger.error({ err: error }, 'the next file of the audit log cannot be begun: the current one grows meanwhile'),
    onUnpublished: (error) =>
      error === null
        ? logger.warn('tiles and checkpoints of the audit log are published again')
        : logger.error({ err: error }, 'tiles or checkpoints of the audit log cannot be published: its files grow meanwhile'),
    onStalled: (isStalled) =>
      isStalled
        ? logger.fatal('the disk has taken no record of the audit log for 30 s: every request is refused until it does')
        : logger.warn('the disk takes records of the audit log again'),
  })
  metrics.gauge('sallyport_audit_records', 'Records of the audit log.', () => audit.status().records)
  metrics.gauge(
    'sallyport_audit_signed_records',
    'Records that the newest checkpoint of the audit log covers.',
    () => audit.status().checkpoint.size,
  )
  const isBroken = () => (audit.status().broken || audit.status().stalled ? 1 : 0)
  metrics.gauge('sallyport_audit_broken', 'Whether the audit log cannot be written, so that everything is refused.', isBroken)
  return audit
}

/** The input as the decision log has it. */
function recordedInput({ redact, needs, context }: Shown) {
  return (request: AccessRequest, claim: Claim) => {
    const { name, redaction } = request.integration
    return inputOf({ request, claim, context: needs().context ? context(name, claim.origin) : null }, redact.of(redaction))
  }
}

/** The log may be in the state folder itself, whose lock is already held. */
function isSameFolder(first: string, other: string): boolean {
  return existsSync(first) && existsSync(other) && realpathSync(first) === realpathSync(other)
}
