/** Decide: manifests and Rego in, decisions out. */
export { type Activation, createActivation, type ReloadResult } from './activation.ts'
export {
  type Addition,
  buildBundle,
  type CapabilityChange,
  checkPolicy,
  type DecidedRecord,
  diffManifests,
  diffRules,
  type Explanation,
  evalPolicy,
  explainRecord,
  formatPolicy,
  type IntegrationChange,
  isDecided,
  type RecordedDifference,
  readSources,
  replay,
  requestOf,
  scaffold,
  smallestChange,
  suggest,
  testPolicy,
  unrecordedOf,
  withAddition,
} from './author/index.ts'
export type { RegoSources } from './build.ts'
export type { SignatureAlgorithm, Verification } from './bundle/index.ts'
export { createStagedPolicy } from './candidate.ts'
export { createCompile, RegoError } from './compiler/index.ts'
export { failureKinds } from './failure.ts'
export { createHistory, type ManifestTexts } from './history.ts'
export { indexManifest } from './index-manifests.ts'
export { createDirectory, type Directory, loadManifests, manifestJsonSchema } from './manifests/index.ts'
export { createPolicy, readRules } from './policy.ts'
