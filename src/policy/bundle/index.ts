/** OPA's bundles: policies and data from a server, a folder or a file, signed or not. */
export type { Bundle, DeltaBundle, Patch, SnapshotBundle } from './bundle.ts'
export { BundleError } from './bundle-error.ts'
export { readBundle, readBundleFolder } from './read-bundle.ts'
export type { SignatureAlgorithm, Verification, VerificationKey } from './verify-token.ts'
