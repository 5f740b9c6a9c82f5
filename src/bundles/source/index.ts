/** Fetches or reads the configured bundles, verifies and keeps them, and follows their changes. */

export { createDelivery, type Delivery } from './delivery.ts'
export { persistedBundles } from './persisted-bundles.ts'
export { type BundleStatus, initialStatus } from './status.ts'
