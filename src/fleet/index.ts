/** The records of a fleet's gateways, as they come over one topic: followed, and verified per gateway. */
export type { Finding } from './finding.ts'
export { type FollowResult, follow } from './follow.ts'
export { FollowError } from './follow-error.ts'
export type { Gateway } from './gateway.ts'
export { createFirstUseKeys, readKeys } from './keys.ts'
export type { FleetMessage } from './message.ts'
export { createWriter } from './write-out.ts'
