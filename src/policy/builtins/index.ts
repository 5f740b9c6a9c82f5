/** What policies ask of their host. */
export { BuiltinError, type Builtins, createBuiltins, isQuick } from './builtins.ts'
export { libraryHook } from './library.ts'
