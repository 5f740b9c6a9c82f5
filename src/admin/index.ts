/** The operator's side. */
export { createAdmin } from './admin.ts'
export type { ReloadResult } from './api.ts'
export type { Health } from './health.ts'
