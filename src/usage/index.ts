/** Meters and reports. */
export { formatUsage } from './format.ts'
export { registerUsageMetrics } from './metrics.ts'
export { createUsage, type IntegrationUsage } from './usage.ts'
