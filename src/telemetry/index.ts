/** The operational log and metrics. */
export { createRelief, releaseStartup, tuneCollector } from './collector.ts'
export { createCpuShare } from './cpu-share.ts'
export { createSlices, type FamilyOptions, family, type Lines } from './exposition.ts'
export type { Exemplar, Format, HistogramSeries, Labels } from './format.ts'
export { createLogger, type Logger } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { createPassedTrace, withoutTrace } from './outgoing-trace.ts'
export { createRandomIds } from './random-ids.ts'
