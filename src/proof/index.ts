/** Verifies a log from its files alone: it imports nothing of what writes the log or reads it back. */
export { verifyChain } from './chain.ts'
export { parseVerifierKey, type VerifierKey } from './note.ts'
export { ProofError } from './proof-error.ts'
export type { Verification } from './verification.ts'
export { verifyAudit } from './verify.ts'
