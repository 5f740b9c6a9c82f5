/** What policies ask of their host. */
export { BuiltinError } from './builtin-error.ts'
export { answeredHere, createBuiltins } from './builtins.ts'
export { type Answer, type Answers, ExternalCallNeeded, isExternalCall } from './external-calls.ts'
export { createLibrary, type Library, libraryHook } from './library.ts'
