/** The operator's side. */
export { type Admin, createAdmin } from './admin.ts'
export type { ArchiveRecords } from './archive-route.ts'
export type { Health } from './health.ts'
