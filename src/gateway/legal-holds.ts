/** The legal holds on the gateway's audit log: kept in the state folder, and recorded in the log. */
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import { createHolds, type Holds } from '../holds/index.ts'
import { readAudit } from '../records/index.ts'
import type { Logger } from '../telemetry/index.ts'

export function createLegalHolds(config: Config, audit: AuditStation, logger: Logger): Holds {
  return createHolds({
    file: config.state.holds,
    recorded: () => readAudit(config.audit.folder, ['hold', 'released']),
    ...{ note: audit.note, noted: audit.noted, next: () => audit.status().records },
    onUnknown: (error) => logger.error({ err: error }, 'the legal holds on the audit log are not known: nothing is removed from it'),
  })
}
