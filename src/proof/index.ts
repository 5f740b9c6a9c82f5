/** Verifies a log from its files alone: it imports nothing of what writes the log or reads it back. */
export { type Verification, verifyAudit } from './chain.ts'
