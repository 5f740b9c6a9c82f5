/** Tools for authors of policies. */
export { explainRecord } from './explain.ts'
export { type DecidedRecord, isDecided, replay, unrecorded } from './recorded.ts'
export { scaffold } from './scaffold.ts'
export { readSources } from './sources.ts'
export { buildBundle, checkPolicy, evalPolicy, formatPolicy, testPolicy } from './toolchain.ts'
