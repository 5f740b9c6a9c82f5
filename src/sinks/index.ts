/** Views of the log's records, and the sinks that they are shipped to. */
export { convertRecords } from './convert.ts'
export { loadMasks } from './mask-records.ts'
export { type ShipperProcess, startShipper } from './process/index.ts'
export type { Progress } from './ship.ts'
export { type ViewName, viewNames } from './views/index.ts'
