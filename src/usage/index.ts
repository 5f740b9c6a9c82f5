/** Meters and reports. */
export { formatBytes, formatUsage } from './format.ts'
export { Histogram } from './histogram.ts'
export { createUsageKeeper, type UsageKeeper } from './keeper.ts'
export { usageSeries } from './metrics.ts'
export { sparkline } from './sparkline.ts'
export { createUsage, type IntegrationUsage, type UsageStation } from './usage.ts'
