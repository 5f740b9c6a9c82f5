/** Brings the configured bundles: fetched or read, followed, verified, kept. */
export type { Failure } from './courier.ts'
export { createDelivery, type Delivery } from './delivery.ts'
export type { BundleStatus } from './status.ts'
