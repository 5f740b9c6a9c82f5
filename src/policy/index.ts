/** Decide: manifests and Rego in, decisions out. */

export { type Activation, type Asker, createActivation, type ReloadResult } from './activation.ts'
export { unlessAborted } from './activation-queue.ts'
export type { BundleSet, SignatureAlgorithm, Verification } from './bundle/index.ts'
export { createStagedPolicy } from './candidate.ts'
export { describeChanges } from './changes.ts'
export {
  type Compile,
  commandFolders,
  createCompile,
  gatewayFolders,
  openWorkFolder,
  RegoError,
  type RegoSources,
} from './compiler/index.ts'
export { compose } from './compose.ts'
export { type BundleStatus, bundlesAtHand, createDelivery } from './delivery/index.ts'
export { createEvaluationThread } from './evaluation-thread.ts'
export { failureKinds } from './failure.ts'
export { createHistory, type ManifestTexts } from './history/index.ts'
export { indexManifest } from './index-manifests.ts'
export { createLibrarySource, type LibrarySource, libraryIn } from './library-source.ts'
export { createDirectory, type Directory, loadManifests, manifestFiles, manifestJsonSchema, suggestion } from './manifests/index.ts'
export { createAsk } from './outside/index.ts'
export { createPolicy, type PolicyStation } from './policy.ts'
export {
  type Compared,
  createEveryReference,
  createReference,
  createSdk,
  describeCompared,
  type EveryReference,
  type Reference,
  type SkipReason,
  skipReasons,
} from './reference/index.ts'
export {
  createDecisionLog,
  createLocalStatus,
  createStatus,
  createVerdicts,
  type DecisionLogStation,
  eventOutcomes,
  type PostResult,
  type StatusStation,
  type VerdictStation,
  withVerdicts,
} from './report/index.ts'
export { namingFiles, readRules, ruleFiles } from './rules-folder.ts'
export { createServer, type Server } from './server/index.ts'
