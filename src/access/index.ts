/** Which integrations may come in. */
export { type Access, type AccessChange, createAccess } from './access.ts'
export { readKept } from './access-file.ts'
