/** What policies ask of their host. */
export { BuiltinError } from './builtin-error.ts'
export { createBuiltins, isQuick } from './builtins.ts'
export { libraryHook } from './library.ts'
export { type Answer, type Answers, asksOutside, OutsideNeeded } from './outside.ts'
