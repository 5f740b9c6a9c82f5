/** The view of OCSF. */
export { ocsfView } from './ocsf.ts'
