/** What a record of the log may hold: a JSON Schema per type. */
export type { Act } from './acts.ts'
export { anyRecordSchema, recordSchema, recordTypes } from './schemas.ts'
