/** Keeps secrets out of every output. */
export { createRedactor, type RedactorStation } from './redactor.ts'
