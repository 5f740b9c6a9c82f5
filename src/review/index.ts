/** Rego checks over the records of the audit log. */
export { openChecks } from './checks.ts'
export { type Finding, isAtLeast, type Severity, severities } from './finding.ts'
export { createLocalTime } from './local-hours.ts'
export { type Reviewed, review } from './review.ts'
export { createRevisions, noRevisions } from './revisions.ts'
export { readSettings } from './settings.ts'
