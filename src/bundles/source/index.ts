/** Brings the configured bundles: fetched or read, followed, verified, kept. */
export { bundlesAtHand } from './at-hand.ts'
export { createDelivery, type Delivery } from './delivery.ts'
export { type BundleStatus, untried } from './status.ts'
