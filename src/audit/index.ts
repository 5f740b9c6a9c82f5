/** The tamper-evident log. */
export { openAudit } from './audit.ts'
export { AuditError } from './audit-error.ts'
export { readAudit } from './read.ts'
export { followAudit, type TailLine, tailAudit } from './tail.ts'
export { verifyAudit } from './verify.ts'
