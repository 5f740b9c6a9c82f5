/** Keeps secrets out of every output. */
export { leastSecret } from './known-secrets.ts'
export { createRedactor } from './redactor.ts'
