/** The operator's side. */
export { createAdmin } from './admin.ts'
export type { Health } from './health.ts'
