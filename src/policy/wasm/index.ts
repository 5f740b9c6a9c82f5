/** Compiled policies in WebAssembly: metered, and evaluated over documents that were parsed before. */
export { abiOf, isKnownAbi } from './abi.ts'
export { createEvaluator, type Evaluator, UnreadPart } from './evaluator.ts'
export { harden } from './harden.ts'
export { createLoader, type Image, type Loader } from './image.ts'
export { meter } from './meter.ts'
export { hasOddConstants } from './odd-constants.ts'
