/** A manifest from what was recorded. */
export { suggest } from './suggest.ts'
