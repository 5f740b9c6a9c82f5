/** Brings the configured bundles: fetched or read, followed, verified, kept. */
export { createDelivery } from './delivery.ts'
export type { BundleStatus } from './status.ts'
