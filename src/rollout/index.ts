/** Takes manifests, rules and bundles into force: one set at a time, beside it a shadow, and behind it the history. */

export { type Activation, createActivation, type ReloadResult } from './activation.ts'
export { unlessAborted } from './activation-queue.ts'
export { describeChanges } from './changes.ts'
export { createHistory } from './history/index.ts'
export type { InForce, ReloadCause } from './in-force.ts'
export { createShadowPolicy } from './shadow.ts'
