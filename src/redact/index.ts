/** Keeps secrets out of every output. */
export { createRedactor } from './redactor.ts'
