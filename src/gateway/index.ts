/** The composition root: builds every station from the configuration and hands one to the other. */
export type { AlertsSummary } from './alert-reports.ts'
export { type Gateway, startGateway } from './gateway.ts'
export { rotateStopped } from './trust.ts'
