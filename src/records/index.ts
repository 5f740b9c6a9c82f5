/** The records of a log, read back: from its beginning, from its end, from an index on, and as they are written. */
export { bundlePath, tilePath, tileWidth, walName, walsAmong } from './layout.ts'
export { type LogName, readLogName } from './origin.ts'
export { readAudit, readNewest } from './read.ts'
export { segmentName, segmentsAmong } from './segments.ts'
export { readRecords, type StoredRecord } from './stored.ts'
export { followAudit, type TailLine, tailAudit } from './tail.ts'
export { readTileHashes } from './tile-hashes.ts'
export { recordVersion } from './version.ts'
