/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
export { builtinLibrary, builtPath, programPath } from './program.ts'
export { type EvalResult, everything, type FileCoverage, RegoError, type Sight, type TestOutcome } from './protocol.ts'
