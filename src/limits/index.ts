/** Token buckets, concurrency, breakers. */
export { createLimits } from './limits.ts'
