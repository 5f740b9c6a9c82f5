/** Who may come in. */
export { type Access, type AccessChange, createAccess } from './access.ts'
export { accessFileIn, isInForce, readKept } from './keep.ts'
