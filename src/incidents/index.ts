/** Incidents: opened, noted and closed as records of the log, and reported from the log alone. */
export { formatSpan } from './format.ts'
export type { Incident } from './incident.ts'
export { markdownOf } from './markdown.ts'
export { findIncident, listIncidents } from './recorded.ts'
export { type Proofs, reportOf } from './report.ts'
export type { IncidentReport } from './report-form.ts'
