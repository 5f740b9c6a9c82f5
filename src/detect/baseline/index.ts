/** What is ordinary: kept per pair of integration and destination, for each hour of the week. */

export { createClock, type Moment } from './clock.ts'
export { baselineOf, hasBaseline, hourMad, limitOf, type Sensitivity } from './limits.ts'
export { denied, failed, type Measure, measureCount, measures, ratioOf, received, requests, sent, uploadRatio } from './measures.ts'
export type { Integration, Pair } from './pair.ts'
export { cellAt, levels, seen } from './profile.ts'
export { createRegistry, type Learned, type Registry } from './registry.ts'
export { type Added, add, addHash, closeHour, closeWindow, hourValues, noWindow, windowMs } from './row-time.ts'
export { field, half, type Row, windowMeasures } from './rows.ts'
export { deviationsPerMad, fromOctaves, sane, toOctaves } from './scale.ts'
export { createWeek } from './week.ts'
