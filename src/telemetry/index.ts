/** The operational log and metrics. */
export { createLogger, type Logger } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { createRelief } from './relief.ts'
export { boundYoungGeneration } from './young-generation.ts'
