/** Meters and reports. */
export { formatUsage } from './format.ts'
export { createUsageKeeper, type UsageKeeper } from './keeper.ts'
export { usageSeries } from './metrics.ts'
export { createUsage, type IntegrationUsage, type UsageStation } from './usage.ts'
