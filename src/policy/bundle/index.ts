/** OPA's bundles: policies and data from a server, a folder or a file, signed or not. */
export { applyDelta } from './apply-delta.ts'
export type { Bundle, DeltaBundle, SnapshotBundle } from './bundle.ts'
export { BundleError } from './bundle-error.ts'
export { manifestFile } from './manifest.ts'
export { readBundle, readBundleFolder } from './read-bundle.ts'
export { packageOf } from './rego-package.ts'
export { overlapOf } from './roots.ts'
export type { SignatureAlgorithm, Verification } from './verify-token.ts'
