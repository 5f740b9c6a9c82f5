/** OPA's artefacts: the compiler, compiled policies in WebAssembly, and the built-in functions. */
export { type Answer, type Answers, createBuiltins, ExternalCallNeeded, isExternalCall, type Library } from './builtins/index.ts'
export {
  type Compile,
  CompilerMissing,
  type CompilerProblem,
  commandFolders,
  createCompile,
  type DataReference,
  type EvalResult,
  everything,
  type FileCoverage,
  gatewayFolders,
  isListOfPaths,
  isPolicyReads,
  openWorkFolder,
  type PolicyReads,
  RegoError,
  type RegoSources,
  type TestOutcome,
} from './compiler/index.ts'
export { EvaluationTimeout, type FailureKind, failureKindOf, failureKinds, failureReasons } from './failure.ts'
export { createLibrarySource, type LibrarySource, libraryIn, libraryNeedOf } from './library-source.ts'
export {
  abiOf,
  createEvaluator,
  createInside,
  createLoader,
  type Evaluator,
  harden,
  hasOddConstants,
  type Image,
  type Inside,
  isKnownAbi,
  type Loader,
  UnreadPart,
} from './wasm/index.ts'
