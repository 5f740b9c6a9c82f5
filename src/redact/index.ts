/** Keeps secrets out of every output. */
export { minSecretLength } from './known-secrets.ts'
export { createRedactor } from './redactor.ts'
