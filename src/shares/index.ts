/** How what is scarce is shared out among integrations. */
export { createDescriptors, type Descriptors } from './descriptors.ts'
export { createFairCache } from './fair-cache.ts'
export { createFairMemory } from './fair-memory.ts'
export { createFairQueue } from './fair-queue.ts'
export { createPace } from './pace.ts'
