/** Decide: manifests and Rego in, decisions out. */

export {
  type BuildInputs,
  buildKept,
  type CompiledPolicy,
  compilerEnvironment,
  defaultSources,
  entrypointsOf,
  hashOf,
  loadCompiled,
} from './build.ts'
export { type Composed, compose, type PolicySet } from './compose.ts'
export { divideRules } from './divide-rules.ts'
export { createPlainDocuments, wholeData } from './documents.ts'
export { createEvaluationThread } from './evaluation-thread.ts'
export { mapRegoErrors } from './explain-rules.ts'
export { createExternalCaller } from './external-calls/index.ts'
export { createGatewayEngine, type EngineSubject } from './gateway-engine.ts'
export { warningsOf } from './missing-data.ts'
export { createPolicy, type PolicyOptions, type PolicyStation, type PreparedPolicy } from './policy.ts'
export { type Loaded, loadProgram, type Program, preparePrograms } from './program.ts'
export { placesOf, writeProjected } from './projection.ts'
export { queuedBytes } from './queued-bytes.ts'
export { type DecidedRecord, type Find, isDecided, type RecordedRequest, requestOf } from './recorded.ts'
export { requireNoRulesInTests } from './refuse-unread-files.ts'
export { isRegoTest, listRego, readRego, readRegoFiles } from './rego-files.ts'
export { namingFiles, readRules, ruleFiles } from './rules-folder.ts'
export { createSession } from './session.ts'
export { type EngineChoice, requireTests, testPolicy } from './test-gate.ts'
export type { DecideOnThread } from './thread-engine.ts'
export { sayWithout, type Undecided, type UnseenPart, visibleOf } from './unrecorded-parts.ts'
