/** Alerts: their life, and their delivery to receivers. */
export type { AlertChange, Found } from './alert.ts'
export { type AlertStore, alertTables, createAlertStore } from './alert-store.ts'
export { type Alerts, createAlerts } from './alerts.ts'
