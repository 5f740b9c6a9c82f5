/** The tamper-evident log. */
export { type AuditStation, type AuditStatus, openAudit } from './audit.ts'
export { AuditError } from './audit-error.ts'
export { tailAudit } from './tail.ts'
export { type Verification, verifyAudit } from './verify.ts'
