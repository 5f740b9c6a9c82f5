/** The operator's side. */
export { type Admin, createAdmin } from './admin.ts'
export type { Health } from './health.ts'
