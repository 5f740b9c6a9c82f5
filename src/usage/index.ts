/** Meters and reports. */
export { formatUsage } from './format.ts'
export { createUsageKeeper } from './keeper.ts'
export { usageSeries } from './metrics.ts'
export { createUsage, type IntegrationUsage } from './usage.ts'
