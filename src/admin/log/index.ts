/** The audit log over HTTP. */
export { createLogAccess, type LogAccess, type LogAccessOptions } from './log-access.ts'
