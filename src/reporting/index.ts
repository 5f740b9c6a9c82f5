/** Reports as OPA's control planes take them: the decision log, the status, and the masks of what is reported. */
export { applyMasks } from './apply-masks.ts'
export { createDecisionLog, type DecisionLogUploader, eventOutcomes } from './decision-log.ts'
export { createEvent, type DecisionEvent, inputOf, type Redact } from './event.ts'
export { createLocalStatus } from './local-status.ts'
export { createMaskPolicy, type MaskPolicy, maskInputs, requireInside } from './mask-policy.ts'
export type { PostResult } from './post.ts'
export { createStatus, type StatusReporter } from './status.ts'
