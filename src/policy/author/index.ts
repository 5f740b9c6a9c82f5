/** Tools for authors of policies. */
export { type Addition, smallestChange, withAddition } from './change.ts'
export { type CapabilityChange, diffManifests, diffRules, type IntegrationChange } from './diff/index.ts'
export { type Explanation, explainRecord } from './explain.ts'
export { type DecidedRecord, isDecided, type RecordedDifference, replay, requestOf, unrecordedOf } from './recorded.ts'
export { scaffold } from './scaffold.ts'
export { readData, readSources } from './sources.ts'
export { suggest } from './suggest/index.ts'
export { buildBundle, checkPolicy, type EngineChoice, evalPolicy, formatPolicy, testPolicy } from './toolchain.ts'
