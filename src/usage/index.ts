/** Meters and reports. */
export { formatUsage } from './format.ts'
export { usageSeries } from './metrics.ts'
export { createUsage, type IntegrationUsage } from './usage.ts'
