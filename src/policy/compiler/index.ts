/** OPA's own compiler. */
export { type Compile, createCompile } from './compile.ts'
