/** The interception CA and its leaves. */
export { openAuthority } from './authority.ts'
export { createLeaves } from './leaves.ts'
