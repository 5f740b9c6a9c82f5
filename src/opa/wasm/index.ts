/** Compiled policies in WebAssembly: metered, and evaluated over documents that were parsed before. */
export { abiOf, isKnownAbi } from './abi.ts'
export { createEvaluator, type Evaluator, UnreadPart } from './evaluator.ts'
export { harden } from './harden.ts'
export { createLoader, type Image, type Loader } from './image.ts'
export { createInside, type Inside } from './inside.ts'
export { fuelExport, meter, outOfFuel } from './meter.ts'
export { hasOddConstants } from './odd-constants.ts'
export { partlyInside } from './wasm-builtins.ts'
