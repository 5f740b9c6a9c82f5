/** Tools for authors of policies and manifests: for the command line only, and in no running gateway. */

export { diffRules } from './diff-rules.ts'
export { type Addition, type Explanation, explainRecord, smallestChange, withAddition } from './explain.ts'
export type { AuthorRule } from './held-rules.ts'
export { createDecideRecorded, type DecideRecorded, isUndecided, type RecordedDifference, replay } from './replay.ts'
export { scaffold } from './scaffold.ts'
export { readData, readSources } from './sources.ts'
export { suggest } from './suggest/index.ts'
export { buildBundle, checkPolicy, evalPolicy, formatPolicy } from './toolchain.ts'
