/** Which integrations may come in. */
export { type Access, type AccessChange, createAccess } from './access.ts'
export { isInForce, readKept } from './access-file.ts'
