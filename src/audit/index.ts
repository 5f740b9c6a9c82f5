/** The tamper-evident log. */

export { type AuditStation, openAudit } from './audit.ts'
export { continueAudit } from './continue.ts'
export type { AuditMask } from './entry.ts'
export { AuditError } from './line.ts'
export type { AppendFile } from './segment-files.ts'
