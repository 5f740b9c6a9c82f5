/** The operator's side. */
export { type Admin, createAdmin } from './admin.ts'
export type { ArchiveRecords } from './archive-route.ts'
export type { AuthorAnswer, AuthorCommands } from './author-routes.ts'
export type { Health } from './health.ts'
