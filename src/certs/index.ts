/** The interception CA and its leaves. */
export { openAuthority } from './authority.ts'
export { createLeafPem, createLeaves } from './leaves.ts'
