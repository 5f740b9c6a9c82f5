/** Alerts: their life, and their delivery to receivers. */
export type { AlertChange, Found } from './alert.ts'
export { type AlertStore, alertTables, createAlertStore } from './alert-store.ts'
export { type Alerts, type AlertsStatus, createAlerts, type ReceiverChange } from './alerts.ts'
export { createReceiver } from './create-receiver.ts'
export { alertQuestions } from './questions.ts'
