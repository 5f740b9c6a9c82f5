/** External calls of rules, where the configuration grants it. */
export { type Ask, createAsk, type Grants, mayWait, noGrants } from './ask.ts'
