/** The interception CA and its leaves. */
export { type CertificateAuthority, openAuthority } from './authority.ts'
export { createLeafPem, createLeaves } from './leaves.ts'
