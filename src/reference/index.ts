/** The reference evaluator: OPA's own SDK beside the gateway's evaluator. */
export { type Evaluation, type HostCall, isOddNumber, type SkipReason, skipReasons } from './evaluation.ts'
export { type Compared, createReference, describeCompared, type Reference, type Subject } from './reference.ts'
export { createEveryReference, type EveryReference } from './replayed.ts'
export { generatedInputs, inputsInTests, type SampleInput } from './sample-inputs.ts'
export { createSdk } from './sdk.ts'
