/** Token buckets, concurrency, breakers. */
export { createReadContext } from './context.ts'
export { createLimits } from './limits.ts'
