/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
export { type CompilerFolders, commandFolders, gatewayFolders, openWorkFolder } from './folders.ts'
export { builtinLibrary, programPath } from './program.ts'
export {
  CompilerMissing,
  type CompilerProblem,
  type DataReference,
  type EvalResult,
  everything,
  type FileCoverage,
  isListOfPaths,
  isPolicyReads,
  type PolicyReads,
  RegoError,
  type RegoSources,
  type TestOutcome,
} from './protocol.ts'
