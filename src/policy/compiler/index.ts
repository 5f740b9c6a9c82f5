/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
export { builtinLibrary, builtPath, programPath } from './program.ts'
export {
  type CompilerProblem,
  type EvalResult,
  everything,
  type FileCoverage,
  isListOfPaths,
  isSight,
  RegoError,
  type Sight,
  type TestOutcome,
} from './protocol.ts'
