/** How one arrival ends. */
export type { SettlingEnd } from './passing-bytes.ts'
export { Settlement, unrecorded } from './settlement.ts'
