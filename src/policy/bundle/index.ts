/** OPA's bundles: policies and data from a server, a folder or a file, signed or not. */
export type { Bundle, DeltaBundle, SnapshotBundle } from './bundle.ts'
export { BundleError } from './bundle-error.ts'
export { readBundle, readBundleFolder } from './read-bundle.ts'
export { type SignatureAlgorithm, signatureAlgorithms, type Verification } from './verify-token.ts'
