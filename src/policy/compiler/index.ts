/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
export { builtinLibrary, builtPath, programPath } from './program.ts'
export type { Sight } from './protocol.ts'
