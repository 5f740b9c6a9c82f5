/** Rego checks over the records of the audit log. */
export { openChecks } from './checks.ts'
export { type Finding, findingRecord, isAtLeast, type Severity, severities } from './finding.ts'
export { createLocalTime } from './local-hours.ts'
export { type ReviewRun, startReview } from './process/index.ts'
export { type Reviewed, review } from './review.ts'
export { createRevisions, noRevisions } from './revisions.ts'
export type { RunResult } from './scheduled.ts'
export { readSettings } from './settings.ts'
