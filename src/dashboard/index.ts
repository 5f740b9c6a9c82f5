/** The dashboard: pages in the operator's browser, which ask the operator's API. */
export { createDoor, type Door } from './door.ts'
export { createLoopbackDashboard, type LoopbackDashboard } from './loopback.ts'
