/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
export { type CompilerAnswer, CompilerMissing, type CompilerProblem, RegoError } from './protocol.ts'
