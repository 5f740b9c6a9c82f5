/** What policies ask of their host. */
export { BuiltinError } from './builtin-error.ts'
export { answeredHere, createBuiltins } from './builtins.ts'
export { createLibrary, type Library, libraryHook } from './library.ts'
export { type Answer, type Answers, asksOutside, OutsideNeeded } from './outside.ts'
