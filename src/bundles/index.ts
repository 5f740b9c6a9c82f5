/** OPA's bundles: their format, where they come from, and the client that asks servers for them. */
export { createServerClient, retryAfterMs, type Server, ServerError, webhookHeaders } from './client/index.ts'
export {
  BundleError,
  type BundleSet,
  isDataFile,
  manifestFile,
  mergeData,
  overlapOf,
  packageOf,
  readBundle,
  type SignatureAlgorithm,
  type SnapshotBundle,
  type Verification,
} from './format/index.ts'
export { type BundleStatus, createDelivery, type Delivery, initialStatus, persistedBundles } from './source/index.ts'
