/** The tamper-evident log. */

export type { AppendFile } from './append-file.ts'
export { type AuditStation, openAudit } from './audit.ts'
export { AuditError } from './audit-error.ts'
export { continueAudit } from './continue.ts'
export type { AuditMask } from './entry.ts'
export { createFreeSpace, createRetention, freeBytesOf, HeldError, type Room, roomOf } from './retention/index.ts'
export { type OpenSigner, type Signer, signerFrom } from './signer.ts'
