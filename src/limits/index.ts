/** Token buckets, concurrency, breakers. */
export { createReadContext } from './context.ts'
export { createLimits, type LimitsStation } from './limits.ts'
