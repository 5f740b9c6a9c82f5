/** What policies ask of their host. */
export { BuiltinError, createBuiltins, isQuick } from './builtins.ts'
export { libraryHook } from './library.ts'
