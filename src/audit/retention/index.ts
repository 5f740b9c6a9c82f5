/** What of a log is let go, when, and whether there is room for more. */
export { createFreeSpace, freeBytesOf, type Room, roomOf } from './free-space.ts'
export { createRetention, HeldError, type Pruned, type RetentionOptions } from './retention.ts'
