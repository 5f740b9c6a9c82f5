/** What policies ask of their host. */
export { BuiltinError } from './builtin-error.ts'
export { type Answer, type Answers, answeredHere, createBuiltins, ExternalCallNeeded, isExternalCall } from './builtins.ts'
export { createLibrary, type Library, libraryHook } from './library.ts'
