/** The operational log and metrics. */
export { releaseStartup, tuneCollector } from './collector.ts'
export { createSlices, type FamilyOptions, family, type Lines } from './exposition.ts'
export { createLogger, type Logger } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { createRelief } from './relief.ts'
