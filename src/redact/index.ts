/** Keeps secrets out of every output. */

export { leastSecret } from './known-secrets.ts'
export { createRedactor, type Masks, type RedactorStation } from './redactor.ts'
