/** Legal holds: what of the audit log retention must leave, whatever its age. */
export { type By, createHolds, type GivenHold, type Holds } from './holds.ts'
export type { Hold } from './kept-holds.ts'
