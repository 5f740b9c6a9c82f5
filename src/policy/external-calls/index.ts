/** External calls of rules, where the configuration grants it. */
export { createExternalCaller, type ExternalCaller, type Grants, mayWait, noGrants } from './external-caller.ts'
