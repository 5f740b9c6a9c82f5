/** What is counted of requests as they pass, for whoever looks for what is unusual. */
export { hashText } from './measures.ts'
export { createObserver } from './observer.ts'
export { type Flow, notDestinations, type Slice } from './slice.ts'
export {
  type UsageCount,
  type UsageRow,
  type UsageSeries,
  type UsageWindow,
  usageCounts,
  usageWindows,
  windowBehind,
  windowOf,
  windowSettings,
} from './usage-windows.ts'
