/** The dashboard: pages in the operator's browser, which ask the operator's API. */
export { createLoopbackDashboard, type LoopbackDashboard } from './loopback.ts'
