/** Token buckets, concurrency, breakers. */
export { createLimits, type LimitsStation } from './limits.ts'
